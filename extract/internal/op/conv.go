package op

import "featstore/extract/internal/tensor"

// conv is a convolution over one to three spatial axes with groups: x is
// N×C×spatial, the weights M×C/group×kernel, the bias M.
func conv(c *call) []*tensor.Tensor {
	x, w, bias := c.float(0), c.float(1), c.opt(2)
	require(x.DType == w.DType && (bias == nil || bias.DType == x.DType), "input, weights and bias are of different types")
	p := c.newConvolution(x, w)
	p.checkBias(bias)
	return one(c.floats(x.DType, p.shape(), func(out []float64) {
		p.run(out, floatsOf(x), floatsOf(w))
		p.addBias(out, bias)
	}))
}

// A convolution is the geometry of one.
type convolution struct {
	window
	batch, channels, filters, groups int
}

func (c *call) newConvolution(x, w *tensor.Tensor) *convolution {
	require(len(x.Shape) >= 3 && len(x.Shape) == len(w.Shape), "input %v and weights %v do not suit", x.Shape, w.Shape)
	p := &convolution{batch: x.Shape[0], channels: x.Shape[1], filters: w.Shape[0], groups: c.int("group", 1)}
	require(p.groups >= 1 && p.channels%p.groups == 0 && p.filters%p.groups == 0 && w.Shape[1] == p.channels/p.groups,
		"%d groups do not suit input %v and weights %v", p.groups, x.Shape, w.Shape)
	p.window = c.slide(c.newWindow(x.Shape[2:], w.Shape[2:]))
	c.work(p.batch, p.filters, p.outLen(), p.channels/p.groups, p.kernelLen())
	return p
}

func (p *convolution) shape() []int { return p.window.shape(p.batch, p.filters) }

func (p *convolution) checkBias(bias *tensor.Tensor) {
	require(bias == nil || tensor.Len(bias.Shape) == p.filters && len(bias.Shape) == 1, "%v as the bias of %d channels", bias, p.filters)
}

func (p *convolution) addBias(out []float64, bias *tensor.Tensor) {
	if bias == nil {
		return
	}
	b, n := numbersOf(bias), p.outLen()
	for plane := range p.batch * p.filters {
		for i := range out[plane*n:][:n] {
			out[plane*n+i] += b[plane%p.filters]
		}
	}
}

// run adds to out the sum over the taps. Rows of the output are the inner loop,
// for up to four output channels at once, which read the same input row.
func (p *convolution) run(out, x, w []float64) {
	if p.flat() { // one long row instead of many
		p.in = [3]int{1, 1, p.inLen()}
		p.out = p.in
	}
	inG, outG := p.channels/p.groups, p.filters/p.groups
	for n := range p.batch {
		for g := range p.groups {
			xg := x[(n*p.channels+g*inG)*p.inLen():][:inG*p.inLen()]
			for m := 0; m < outG; m += 4 {
				first, count := g*outG+m, min(4, outG-m)
				wm := w[first*inG*p.kernelLen():][:count*inG*p.kernelLen()]
				om := out[(n*p.filters+first)*p.outLen():][:count*p.outLen()]
				p.block(om, xg, wm, count)
			}
		}
	}
}

// block computes a few output channels from the input channels of their group.
func (p *convolution) block(out, x, w []float64, count int) {
	rowIn, rowOut := p.in[2], p.out[2]
	taps := len(w) / count
	for od := range p.out[0] {
		for oh := range p.out[1] {
			var rows [4][]float64
			for m := range count {
				rows[m] = out[m*p.outLen()+(od*p.out[1]+oh)*rowOut:][:rowOut]
			}
			tap := 0
			for ch := range p.channels / p.groups {
				for kd := range p.kernel[0] {
					id, okD := p.at(0, od, kd)
					for kh := range p.kernel[1] {
						ih, okH := p.at(1, oh, kh)
						if !okD || !okH {
							tap += p.kernel[2]
							continue
						}
						xr := x[((ch*p.in[0]+id)*p.in[1]+ih)*rowIn:][:rowIn]
						for kw := range p.kernel[2] {
							p.row(&rows, xr, w[tap:], taps, count, kw)
							tap++
						}
					}
				}
			}
		}
	}
}

// row adds one tap's part to a row of each output channel. The channels' weights
// are w[0], w[taps], w[2·taps] …
func (p *convolution) row(rows *[4][]float64, x, w []float64, taps, count, kw int) {
	lo, hi := p.inside(2, kw)
	if lo >= hi {
		return
	}
	s := p.stride[2]
	j := lo*s - p.before[2] + kw*p.dilation[2]
	if count == 4 {
		w0, w1, w2, w3 := w[0], w[taps], w[2*taps], w[3*taps]
		a := rows[0][lo:hi]
		b, c, d := rows[1][lo:hi][:len(a)], rows[2][lo:hi][:len(a)], rows[3][lo:hi][:len(a)]
		for i := range a {
			v := x[j]
			a[i] += w0 * v
			b[i] += w1 * v
			c[i] += w2 * v
			d[i] += w3 * v
			j += s
		}
		return
	}
	for m := range count {
		wm, k := w[m*taps], j
		for i := range rows[m][lo:hi] {
			rows[m][lo+i] += wm * x[k]
			k += s
		}
	}
}
