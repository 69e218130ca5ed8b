package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// The operators here work on quantised tensors that come as three inputs: values,
// scale and zero point. They compute on the numbers these stand for, in float64,
// and quantise the result.

// numbersAt returns what the quantised tensor at inputs i to i+2 stands for.
func (c *call) numbersAt(i int) *tensor.Tensor {
	x := c.input(i)
	require(x.DType == tensor.Int8 || x.DType == tensor.Uint8, "input %d is of type %v: int8 or uint8 is needed", i, x.DType)
	require(c.opt(i+2) == nil || c.in[i+2].DType == x.DType, "input %d and its zero point are of different types", i)
	return c.dequantized(x, c.float(i+1), c.opt(i+2), tensor.Float64, 0, 0)
}

// quantizedAs quantises x with the scale and zero point at inputs i and i+1, to the
// type of the first quantised input.
func (c *call) quantizedAs(x *tensor.Tensor, i int, dt tensor.DType) *tensor.Tensor {
	zero := c.opt(i + 1)
	require(zero == nil || zero.DType == dt, "the result's zero point is of type %v, the input of %v", zero, dt)
	require(tensor.Len(c.float(i).Shape) == 1, "scale %v: a scalar is needed", c.in[i])
	return c.quantized(x, c.in[i], zero, dt, 0, 0)
}

// qLinearBinary has the inputs A, B and the result's scale and zero point.
func qLinearBinary(f func(a, b float64) float64) impl {
	return func(c *call) []*tensor.Tensor {
		y := c.combine(c.numbersAt(0), c.numbersAt(3), f, nil, nil)
		return one(c.quantizedAs(y, 6, c.in[0].DType))
	}
}

// qLinear makes a quantised operator of one tensor from the plain one. The inputs
// are X and the result's scale and zero point.
func qLinear(f impl) impl {
	return func(c *call) []*tensor.Tensor {
		sub := *c
		sub.in = []*tensor.Tensor{c.numbersAt(0)}
		return one(c.quantizedAs(f(&sub)[0], 3, c.in[0].DType))
	}
}

// qLinearSoftmax says itself which opset's softmax it is.
func qLinearSoftmax(c *call) []*tensor.Tensor {
	sub := *c
	sub.opset = attr(c, "opset", int64(13))
	return qLinear(alongLanes(softmax))(&sub)
}

// qLinearConcat has the result's scale and zero point first, then three inputs for
// each tensor.
func qLinearConcat(c *call) []*tensor.Tensor {
	require(len(c.in) >= 5 && len(c.in)%3 == 2, "%d inputs", len(c.in))
	var parts []*tensor.Tensor
	for i := 2; i < len(c.in); i += 3 {
		parts = append(parts, c.numbersAt(i))
	}
	y := concat(c.derived(attrs{"axis": attr(c, "axis", int64(0))}, parts...))[0]
	return one(c.quantizedAs(y, 0, c.in[2].DType))
}

// qGemm is α·(A·B + C) of quantised matrices, C being int32 in units of the
// product of the scales. Without a scale for the result it is float32.
func qGemm(c *call) []*tensor.Tensor {
	a := c.centred(c.ranked(0, 2, 2), c.opt(2), true)
	transA, transB := c.flag("transA", false), c.flag("transB", false)
	zero := c.opt(5)
	if zero != nil && tensor.Len(zero.Shape) > 1 && transB {
		zero = c.channelParameter(zero, 2, 0)
	}
	b := c.centred(c.ranked(3, 2, 2), zero, false)
	if transA {
		a = c.matrixTransposed(a)
	}
	if transB {
		b = c.matrixTransposed(b)
	}
	sums := c.product(a, b)
	if bias := c.opt(6); bias != nil {
		require(bias.DType == tensor.Int32, "bias %v: int32 is needed", bias)
		stretchedStrides(bias.Shape, sums.Shape)
		sums = c.combine(sums, c.castTo(bias, tensor.Int64), nil, add[int64], nil)
	}
	y := c.combine(c.castTo(sums, tensor.Float64), c.scales(c.float(1), c.float(4)), mul[float64], nil, nil)
	alpha := c.real("alpha", 1)
	y = c.each(y, func(v float64) float64 { return alpha * v })
	if !c.has(7) {
		return one(c.castTo(y, tensor.Float32))
	}
	dt := tensor.Uint8
	if c.has(8) {
		dt = c.in[8].DType
	}
	return one(c.quantizedAs(y, 7, dt))
}

// scales is the product of a scale and one or a row of scales, as float64.
func (c *call) scales(a, b *tensor.Tensor) *tensor.Tensor {
	require(tensor.Len(a.Shape) == 1 && len(b.Shape) <= 1, "scales %v and %v", a, b)
	a = c.castTo(c.reshaped(a, []int{}), tensor.Float64)
	return c.combine(a, c.castTo(b, tensor.Float64), mul[float64], nil, nil)
}

// matMulIntegerToFloat multiplies quantised matrices into float32.
func matMulIntegerToFloat(c *call) []*tensor.Tensor {
	return one(c.integerProduct(c.input(0), c.float(2), c.opt(4), c.input(1), c.float(3), c.opt(5), c.opt(6)))
}

func (c *call) integerProduct(a, aScale, aZero, b, bScale, bZero, bias *tensor.Tensor) *tensor.Tensor {
	sums := c.product(c.centred(a, aZero, true), c.centred(b, bZero, false))
	y := c.combine(c.castTo(sums, tensor.Float64), c.scales(aScale, bScale), mul[float64], nil, nil)
	if bias != nil {
		require(bias.DType == tensor.Float32, "bias %v: float32 is needed", bias)
		y = c.combine(y, c.castTo(bias, tensor.Float64), add[float64], nil, nil)
	}
	return c.castTo(y, tensor.Float32)
}

// dynamicQuantizeMatMul quantises A on the spot.
func dynamicQuantizeMatMul(c *call) []*tensor.Tensor {
	sub := c.derived(nil, c.input(0))
	a := dynamicQuantizeLinear(sub)
	sub = c.derived(nil, slices.Concat(a, c.in[1:])...)
	return one(sub.integerProduct(a[0], a[1], a[2], c.input(1), c.float(2), c.opt(3), c.opt(4)))
}
