package engine

import (
	"math"
	"slices"

	"featstore/extract/internal/kernel"
)

// quantParams say what a byte of a value stands for: (byte − zeroPoint)·scale. Only bytes
// up to qmax occur.
type quantParams struct {
	scale           float32
	zeroPoint, qmax int32
}

// padded reports whether the value 0 is a byte.
func (g *quantParams) padded() bool { return g.zeroPoint >= 0 && g.zeroPoint <= 255 }

// largest bounds the values.
func (g *quantParams) largest() float32 {
	return (float32(max(g.zeroPoint, -g.zeroPoint)) + 255) * g.scale
}

// quantParamsOf returns what the bytes of an activation's result stand for, nil where
// bytes cannot hold it.
func quantParamsOf(a kernel.Activation) *quantParams {
	if a.Func != kernel.FakeQuantize || a.Unit <= 0 || a.A != nearest(a.A) || a.B != nearest(a.B) || a.B-a.A > 255 || a.A > a.B {
		return nil
	}
	return (&quantParams{scale: a.Unit, zeroPoint: int32(-a.A), qmax: int32(a.B - a.A)}).shifted(a.Shift)
}

// shifted adds a constant to what the bytes stand for.
func (g *quantParams) shifted(by float32) *quantParams {
	steps := float64(by) / float64(g.scale)
	whole := math.RoundToEven(steps)
	if math.Abs(steps-whole) > 1e-4 || math.Abs(whole) > 1<<20 {
		return nil
	}
	return &quantParams{scale: g.scale, zeroPoint: g.zeroPoint - int32(whole), qmax: g.qmax}
}

// relabelled returns what the same bytes stand for behind a function, nil when they are
// not evenly spaced then.
func (g *quantParams) relabelled(a kernel.Activation) *quantParams {
	if a.Func != kernel.Affine || a.A <= 0 {
		return nil
	}
	scaled := &quantParams{scale: a.A * g.scale, zeroPoint: g.zeroPoint, qmax: g.qmax}
	if scaled.scale < kernel.MinScale {
		return nil
	}
	return scaled.shifted(a.B)
}

// rounding returns how floats of the network become bytes by a's quantisation.
func rounding(a kernel.Activation) kernel.QuantParams {
	return kernel.QuantParams{Scale: a.Scale, ZeroPoint: int32(-a.A), Max: int32(a.B - a.A)}
}

// wholeWeights finds the integers that a convolution's weights were quantized to, and the
// scale of each output, however the model wrote that: the weights of each output have to be
// multiples of one number.
func (c *conv) wholeWeights() (w []int, scale []float32, ok bool) {
	w, scale = make([]int, len(c.weight)), make([]float32, c.COut)
	per := len(c.weight) / c.COut
	for o := range scale {
		if scale[o] = wholeMultiples(w[o*per:][:per], c.weight[o*per:][:per]); scale[o] == 0 {
			return nil, nil, false
		}
	}
	return w, scale, true
}

// mostWhole bounds the integers of weights: an 8-bit one less its zero point, or the sum
// of two signed bytes.
const mostWhole = 254

// wholeMultiples returns a scale and sets w to x divided by it, which are integers. It
// returns 0 if there is no such scale.
func wholeMultiples(w []int, x []float32) float32 {
	largest := float32(0)
	for _, v := range x {
		largest = max(largest, v, -v)
	}
	if largest == 0 {
		return 1
	}
	for most := 1; most <= mostWhole; most++ {
		if scale := largest / float32(most); scale >= kernel.MinScale && fillMultiples(w, x, scale) {
			return scale
		}
	}
	return 0
}

// fillMultiples sets w to x divided by scale and reports whether all are integers, but for
// the rounding of the products and of the scale.
func fillMultiples(w []int, x []float32, scale float32) bool {
	for i, v := range x {
		q := v / scale
		n := nearest(q)
		if d := q - n; d > 1e-4 || d < -1e-4 {
			return false
		}
		w[i] = int(n)
	}
	return true
}

// signedBytes lays out rows of per whole numbers, as one segment of bytes each; as two
// that add up to them where some do not fit.
func signedBytes(w []int, per int) (b []int8, segments int) {
	segments = 1
	if slices.Max(w) > math.MaxInt8 || slices.Min(w) < math.MinInt8 {
		segments = 2
	}
	b = make([]int8, segments*len(w))
	for i, v := range w {
		at := i/per*per*segments + i%per
		first := min(max(v, math.MinInt8), math.MaxInt8)
		if b[at] = int8(first); segments == 2 {
			b[at+per] = int8(v - first)
		}
	}
	return b, segments
}

// byteWeights expresses a convolution of bytes, with the rounding at its end, as a product
// of bytes. It returns nil when the numbers do not fit.
func (c *conv) byteWeights(in *quantParams) *kernel.ByteWeights {
	w, scale, ok := c.wholeWeights()
	if !ok {
		return nil
	}
	per := len(w) / c.COut
	b := &kernel.ByteWeights{N: c.COut, K: per, Bias: make([]int32, c.COut), Scale: make([]float32, c.COut), Offset: make([]float32, c.COut)}
	b.W, b.Segments = signedBytes(w, per)
	for o := range c.COut {
		if !c.requantize(b, o, in, w[o*per:][:per], scale[o]) {
			return nil
		}
	}
	return b
}

// requantize sets bias, scale and offset of output o, whose weights are w times scale, and
// reports whether the sums fit 32 bits. What of the bias is no whole number of units is
// added behind the sum; so is all of it where the sum would not fit, as in outputs whose
// weights are next to nothing.
func (c *conv) requantize(b *kernel.ByteWeights, o int, in *quantParams, w []int, scale float32) bool {
	bias, unit := float64(c.Bias[o]), float64(in.scale*scale)
	b.Scale[o] = in.scale * scale / c.Act.Scale
	sum, largest := 0, 0
	for _, v := range w {
		sum, largest = sum+v, largest+max(v, -v)
	}
	zero := float64(-float64(sum) * float64(in.zeroPoint))
	products := float64(255*float64(largest)) + math.Abs(zero)
	whole := math.RoundToEven(bias / unit)
	if !(math.Abs(whole) < math.MaxInt32-products) {
		whole = 0
	}
	if rest := bias - float64(whole*unit); math.Abs(rest) > 5e-7*math.Abs(bias) { // more than rounding
		b.Offset[o] = float32(rest / float64(c.Act.Scale))
	}
	largestSum := float64((math.Abs(whole)+products)*float64(b.Scale[o])) + math.Abs(float64(b.Offset[o]))
	b.Bias[o] = int32(whole + zero)
	return products < math.MaxInt32 && largestSum < kernel.MaxSum/2
}
