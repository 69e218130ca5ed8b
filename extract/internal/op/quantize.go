package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// spread lists for each element of an array of the given shape the flat index of
// its quantisation parameter: one for all, one for each place along an axis, or
// one for each block of places along it.
func spread(param *tensor.Tensor, shape []int, a, block int) func() []int {
	if len(param.Shape) <= 1 && tensor.Len(param.Shape) == 1 {
		return func() []int { return make([]int, tensor.Len(shape)) }
	}
	a = axis(a, len(shape))
	places := make([][]int, len(shape))
	st := strides(param.Shape)
	if block == 0 {
		require(len(param.Shape) == 1 && param.Shape[0] == shape[a], "parameter %v does not suit axis %d of %v", param, a, shape)
		st = make([]int, len(shape))
		st[a] = 1
	} else {
		want := slices.Clone(shape)
		want[a] = (shape[a] + block - 1) / block
		require(slices.Equal(param.Shape, want), "parameter %v does not suit blocks of %d along axis %d of %v", param, block, a, shape)
	}
	for d, n := range shape {
		places[d] = sequence(n)
		for i := range places[d] {
			if d == a && block > 0 {
				places[d][i] = i / block
			}
		}
	}
	return func() []int { return crossed(places, st) }
}

// blockSize is the attribute of blocked quantisation, 0 when there is none.
func (c *call) blockSize() int {
	b := c.int("block_size", 0)
	require(b >= 0, "block_size %d is negative", b)
	return b
}

// quantizeLinear is x over the scale, rounded to even, plus the zero point, within
// the type's range.
func quantizeLinear(c *call) []*tensor.Tensor {
	x, scale, zero := c.input(0), c.float(1), c.opt(2)
	dt := tensor.Uint8
	if t := attr(c, "output_dtype", int64(0)); t != 0 {
		dt = tensor.DType(t)
	}
	if zero != nil {
		require(zero.DType == dt || !c.hasAttr("output_dtype") || attr(c, "output_dtype", int64(0)) == 0, "zero point of type %v, output of %v", zero.DType, dt)
		dt = zero.DType
	}
	if dt.Size() > 2 || !isInt(dt) {
		unsupported("quantization to %v", dt)
	}
	return one(c.quantized(x, scale, zero, dt, c.int("axis", 1), c.blockSize()))
}

// quantized does what quantizeLinear says, with the division in float32 as in ONNX
// Runtime.
func (c *call) quantized(x, scale, zero *tensor.Tensor, dt tensor.DType, a, block int) *tensor.Tensor {
	require(isFloat(scale.DType), "a scale of type %v", scale.DType)
	require(zero == nil || slices.Equal(zero.Shape, scale.Shape) || tensor.Len(zero.Shape) == tensor.Len(scale.Shape), "scale %v and zero point %v",
		scale, zero)
	index := spread(scale, x.Shape, a, block)
	return c.integers(dt, x.Shape, func(out []int64) {
		s := numbersOf(scale)
		z := make([]int64, len(s))
		if zero != nil {
			z = intsOf(zero)
		}
		at := index()
		for i, v := range numbersOf(x) {
			out[i] = saturate(dt, float32(v)/float32(s[at[i]]), z[at[i]])
		}
	})
}

// saturate is v rounded to even, plus the zero point, within the type's range.
func saturate(dt tensor.DType, v float32, zero int64) int64 {
	q := math.RoundToEven(float64(v)) + float64(zero)
	return toInt(min(max(q, float64(intsOf(lowest(dt))[0])), float64(intsOf(highest(dt))[0])))
}

// dequantizeLinear is x less the zero point, times the scale.
func dequantizeLinear(c *call) []*tensor.Tensor {
	x, scale, zero := c.input(0), c.float(1), c.opt(2)
	require(isInt(x.DType), "input of type %v: integers are needed", x.DType)
	require(zero == nil || zero.DType == x.DType, "input %v and zero point %v are of different types", x, zero)
	dt := scale.DType
	if t := attr(c, "output_dtype", int64(0)); t != 0 {
		dt = tensor.DType(t)
	}
	return one(c.dequantized(x, scale, zero, dt, c.int("axis", 1), c.blockSize()))
}

func (c *call) dequantized(x, scale, zero *tensor.Tensor, dt tensor.DType, a, block int) *tensor.Tensor {
	require(isFloat(scale.DType), "a scale of type %v", scale.DType)
	require(zero == nil || tensor.Len(zero.Shape) == tensor.Len(scale.Shape), "scale %v and zero point %v", scale, zero)
	index := spread(scale, x.Shape, a, block)
	return c.floats(dt, x.Shape, func(out []float64) {
		at, s := index(), floatsOf(scale)
		var z []int64
		if zero != nil {
			z = intsOf(zero)
		}
		for i, v := range intsOf(x) {
			if z != nil {
				v -= z[at[i]]
			}
			out[i] = float64(v) * s[at[i]]
		}
	})
}

// dynamicQuantizeLinear picks the scale and zero point by which the values, and 0,
// just fit into uint8.
func dynamicQuantizeLinear(c *call) []*tensor.Tensor {
	x := c.float(0)
	scale, zero := tensor.Abstract(tensor.Float32), tensor.Abstract(tensor.Uint8)
	if x.Known() {
		lo, hi := 0.0, 0.0
		for _, v := range floatsOf(x) {
			lo, hi = min(lo, v), max(hi, v)
		}
		s := float32(1)
		if hi > lo {
			s = (float32(hi) - float32(lo)) / 255
		}
		scale.Data = []float32{s}
		zero.Data = []uint8{uint8(saturate(tensor.Uint8, -float32(lo)/s, 0))}
	}
	sub := *c
	sub.in = []*tensor.Tensor{x, scale, zero}
	return []*tensor.Tensor{sub.quantized(x, scale, zero, tensor.Uint8, 0, 0), scale, zero}
}

// centred is an integer tensor less its zero point, as int64. A list of zero points
// of a matrix's rows is turned into a column.
func (c *call) centred(x, zero *tensor.Tensor, rows bool) *tensor.Tensor {
	require(x.DType == tensor.Int8 || x.DType == tensor.Uint8, "%v: int8 or uint8 is needed", x)
	wide := c.castTo(x, tensor.Int64)
	if zero == nil {
		return wide
	}
	require(zero.DType == x.DType, "%v and zero point %v are of different types", x, zero)
	zero = c.castTo(c.parameter(zero, rows), tensor.Int64)
	stretchedStrides(zero.Shape, x.Shape)
	return c.combine(wide, zero, nil, sub[int64], nil)
}

// parameter brings a quantisation parameter of a matrix into a shape that
// broadcasts: a scalar, one for each row or one for each column.
func (c *call) parameter(t *tensor.Tensor, rows bool) *tensor.Tensor {
	switch n := tensor.Len(t.Shape); {
	case n == 1:
		return c.reshaped(t, []int{})
	case rows && len(t.Shape) == 1:
		return c.reshaped(t, []int{n, 1})
	}
	return t
}

// matMulInteger multiplies matrices of 8-bit integers into int32.
func matMulInteger(c *call) []*tensor.Tensor {
	a, b := c.centred(c.input(0), c.opt(2), true), c.centred(c.input(1), c.opt(3), false)
	return one(c.castTo(c.product(a, b), tensor.Int32))
}

// qLinearMatMul multiplies quantised matrices into a quantised matrix.
func qLinearMatMul(c *call) []*tensor.Tensor {
	a, b := c.centred(c.input(0), c.input(2), true), c.centred(c.input(3), c.input(5), false)
	return one(c.requantized(c.product(a, b), c.parameter(c.float(1), true), c.parameter(c.float(4), false),
		c.parameter(c.float(6), true), c.parameter(c.input(7), true)))
}

// requantized scales exact sums by a·b/y in float32 and quantises them. The
// parameters broadcast to the sums.
func (c *call) requantized(sums, a, b, y, zero *tensor.Tensor) *tensor.Tensor {
	require(zero.DType == tensor.Int8 || zero.DType == tensor.Uint8, "zero point %v: int8 or uint8 is needed", zero)
	var st [4][]int
	for k, p := range []*tensor.Tensor{a, b, y, zero} {
		st[k] = stretchedStrides(p.Shape, sums.Shape)
	}
	return c.integers(zero.DType, sums.Shape, func(out []int64) {
		av, bv, yv, zv := floatsOf(a), floatsOf(b), floatsOf(y), intsOf(zero)
		ai, bi := view(sums.Shape, st[0], 0), view(sums.Shape, st[1], 0)
		yi, zi := view(sums.Shape, st[2], 0), view(sums.Shape, st[3], 0)
		for i, v := range intsOf(sums) {
			scale := float32(float32(av[ai[i]])*float32(bv[bi[i]])) / float32(yv[yi[i]])
			out[i] = saturate(zero.DType, float32(float32(v)*scale), zv[zi[i]])
		}
	})
}

// convInteger convolves 8-bit integers into int32.
func convInteger(c *call) []*tensor.Tensor {
	return one(c.castTo(c.integerConv(c.input(0), c.input(1), c.opt(2), c.opt(3), nil), tensor.Int32))
}

// integerConv is the exact convolution of two centred tensors, plus a bias, as
// int64: the sums stay far below 2^53.
func (c *call) integerConv(x, w, xZero, wZero, bias *tensor.Tensor) *tensor.Tensor {
	if wZero != nil && tensor.Len(wZero.Shape) > 1 {
		require(len(wZero.Shape) == 1, "the weights' zero point %v", wZero)
		wZero = c.channelParameter(wZero, len(w.Shape), 0)
	}
	x, w = c.centred(x, xZero, true), c.centred(w, wZero, true)
	p := c.newConvolution(x, w)
	require(bias == nil || bias.DType == tensor.Int32, "bias %v: int32 is needed", bias)
	p.checkBias(bias)
	return c.integers(tensor.Int64, p.shape(), func(out []int64) {
		sums := make([]float64, len(out))
		p.run(sums, numbersOf(x), numbersOf(w))
		p.addBias(sums, bias)
		apply(out, sums, toInt)
	})
}

// channelParameter reshapes a list of parameters to broadcast along one axis.
func (c *call) channelParameter(t *tensor.Tensor, rank, a int) *tensor.Tensor {
	if tensor.Len(t.Shape) == 1 {
		return c.reshaped(t, []int{})
	}
	require(a < rank, "%v for %d dimensions", t, rank)
	shape := slices.Repeat([]int{1}, rank)
	shape[a] = tensor.Len(t.Shape)
	return c.reshaped(t, shape)
}

// qLinearConv convolves quantised tensors into a quantised one. The weights may
// have a scale for each output channel.
func qLinearConv(c *call) []*tensor.Tensor {
	x, w := c.input(0), c.input(3)
	sums := c.integerConv(x, w, c.input(2), c.input(5), c.opt(8))
	scalar := func(i int) *tensor.Tensor {
		require(tensor.Len(c.input(i).Shape) == 1, "input %d is %v: a scalar is needed", i, c.input(i))
		return c.reshaped(c.input(i), []int{})
	}
	c.float(1)
	c.float(6)
	return one(c.requantized(sums, scalar(1), c.channelParameter(c.float(4), len(sums.Shape), 1), scalar(6), scalar(7)))
}
