package kernel

// A DepthwiseGradient adds to the gradient of a row of taps of depthwise weights what
// some rows of output pixels bring:
//
//	W[x][c] += Σ_r Σ_p In[r·RowIn + p·Step + x·Tap + c] · Out[r·RowOut + p·LDO + c]
//
// for x < KW taps, r < Rows, p < N pixels and c < C channels. Lengths and strides are in
// floats.
type DepthwiseGradient struct {
	In   []float32 // from the first tap of the first pixel, channel 0
	KW   int       // taps in a row
	Tap  int       // from one tap to the next
	Step int       // from the first tap of one output pixel to that of the next

	Out []float32 // the gradient of the output
	LDO int       // from one output pixel to the next
	N   int       // pixels of a row

	W   []float32 // the gradient of the weights, KW × C
	LDW int       // from one tap to the next
	C   int       // channels

	Rows   int // of output pixels, at least one
	RowIn  int // from one to the next, in the input
	RowOut int // and in the gradient of the output
}

// AddDepthwiseGradient adds the gradient of one row of taps. The order of additions
// depends on N, Rows and the strides alone.
func (s *Set) AddDepthwiseGradient(d *DepthwiseGradient) {
	for stride := 1; stride <= 2; stride++ {
		k := s.depthwiseGradients[tapKind{d.KW, stride}]
		if k == nil || d.Step != stride*d.Tap {
			continue
		}
		whole := d.C
		if !s.masked {
			whole = d.C / s.lanes * s.lanes
		}
		all := *d
		if d.C = whole; whole > 0 {
			k(d)
		}
		*d = all
		if whole < d.C {
			d.In, d.Out, d.W, d.C = d.In[whole:], d.Out[whole:], d.W[whole:], d.C-whole
			depthwiseGradientRows(d)
			*d = all
		}
		return
	}
	depthwiseGradientRows(d)
}

// depthwiseGradientRows is the reference.
func depthwiseGradientRows(d *DepthwiseGradient) {
	for x := range d.KW {
		w := d.W[x*d.LDW:][:d.C]
		for i := range d.Rows * d.N {
			r, p := i/d.N, i%d.N
			in, out := d.In[r*d.RowIn+p*d.Step+x*d.Tap:][:len(w)], d.Out[r*d.RowOut+p*d.LDO:][:len(w)]
			for c, v := range in {
				w[c] += v * out[c]
			}
		}
	}
}
