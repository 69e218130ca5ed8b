package engine

import "featstore/extract/internal/kernel"

// A convShape is a convolution but for its weights: act(W ∗ x + bias + residual).
type convShape struct {
	cin, cout      int
	group          int
	kh, kw, sh, sw int
	dh, dw         int
	pad            borders
	bias           []float32 // cout values
	act            kernel.Activation
}

// depthwise reports whether every output channel reads its own input channel only.
func (c *convShape) depthwise() bool {
	return c.group == c.cin && c.cin == c.cout && (c.group > 1 || c.kh*c.kw == 1)
}

// pointwise reports whether every output pixel reads its own input pixel only.
func (c *convShape) pointwise() bool {
	return c.kh == 1 && c.kw == 1 && c.sh == 1 && c.sw == 1 && c.pad.zero()
}

// depth is how many products make one output.
func (c *convShape) depth() int { return c.kh * c.kw * c.cin / c.group }
