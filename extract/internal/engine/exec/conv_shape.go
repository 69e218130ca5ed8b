package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A ConvShape is a convolution but for its weights: act(W ∗ x + bias + residual).
type ConvShape struct {
	CIn, COut      int
	Group          int
	KH, KW, SH, SW int
	DH, DW         int
	Pad            memory.Borders
	Bias           []float32 // cout values
	Act            kernel.Activation
}

// Depthwise reports whether every output channel reads its own input channel only.
func (c *ConvShape) Depthwise() bool {
	return c.Group == c.CIn && c.CIn == c.COut && (c.Group > 1 || c.KH*c.KW == 1)
}

// Pointwise reports whether every output pixel reads its own input pixel only.
func (c *ConvShape) Pointwise() bool {
	return c.KH == 1 && c.KW == 1 && c.SH == 1 && c.SW == 1 && c.Pad.Empty()
}

// depth is how many products make one output.
func (c *ConvShape) depth() int { return c.KH * c.KW * c.CIn / c.Group }

// ChannelsLast turns weights [out][in][tap] into [out][tap][in].
func ChannelsLast(w []float32, out, in, taps int) []float32 {
	const block = 32 // both sides of a square that fits in the cache
	t := make([]float32, len(w))
	for o := range out {
		src, dst := w[o*in*taps:][:in*taps], t[o*in*taps:][:in*taps]
		for i0 := 0; i0 < in; i0 += block {
			for k0 := 0; k0 < taps; k0 += block {
				transpose32(dst, src, i0, min(i0+block, in), k0, min(k0+block, taps), in, taps)
			}
		}
	}
	return t
}

// transpose32 writes rows i0…i1 and columns k0…k1 of src as columns and rows of dst.
func transpose32(dst, src []float32, i0, i1, k0, k1, in, taps int) {
	for k := k0; k < k1; k++ {
		row := dst[k*in:][:in]
		at := i0*taps + k
		for i := i0; i < i1; i++ {
			row[i] = src[at]
			at += taps
		}
	}
}
