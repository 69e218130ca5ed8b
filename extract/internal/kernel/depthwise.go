package kernel

// A Depthwise is one call of a depthwise convolution kernel: N pixels of one
// output row, all channels. Lengths and strides are in floats.
type Depthwise struct {
	In   []float32 // from the first tap of the first pixel, channel 0
	Rows []int     // where each row of taps begins, from the pixel's first tap
	KW   int       // taps in a row
	Tap  int       // from one tap to the next
	Step int       // from the first tap of one output pixel to that of the next

	W    []float32 // len(Rows)·KW × C: weights by tap, then channel
	LDW  int       // from the weights of one tap to those of the next
	Bias []float32 // C values
	C    int       // channels

	Out []float32
	LDO int // from one output pixel to the next
	N   int // pixels

	Lo, Hi float32 // bounds of the results

	Tiles int // for kernels that take tiles of pixels: how many
}

// Depthwise computes one row of a depthwise convolution.
func (s *Set) Depthwise(d *Depthwise) { s.depthwise(d) }

// A tapKind is a width of depthwise convolution, in taps, and its stride.
type tapKind struct{ width, stride int }

// tiled runs a depthwise convolution by kernels for tiles of up to len(k)−1
// pixels, in tiles of nearly the same size.
func tiled(k []func(*Depthwise), d *Depthwise) {
	most := len(k) - 1
	tiles := (d.N + most - 1) / most
	pixels := d.N / tiles
	more := d.N - pixels*tiles // this many tiles have one pixel more
	if more == 0 {
		d.Tiles = tiles
		k[pixels](d)
		return
	}
	in, out := d.In, d.Out
	d.Tiles = more
	k[pixels+1](d)
	done := more * (pixels + 1)
	d.In, d.Out, d.Tiles = in[done*d.Step:], out[done*d.LDO:], tiles-more
	k[pixels](d)
	d.In, d.Out = in, out
}

func depthwiseRow(d *Depthwise) {
	for p := range d.N {
		out := d.Out[p*d.LDO:][:d.C]
		copy(out, d.Bias)
		w := d.W
		for _, row := range d.Rows {
			for x := range d.KW {
				in := d.In[p*d.Step+row+x*d.Tap:][:len(out)]
				taps := w[:len(out)]
				for c, v := range in {
					out[c] += v * taps[c]
				}
				w = w[min(d.LDW, len(w)):]
			}
		}
		clipAll(out, d.Lo, d.Hi)
	}
}
