package op

import (
	"math"
	"math/bits"

	"featstore/extract/internal/tensor"
)

// compare makes an operator that answers with truth values.
func compare(f func(a, b float64) bool, i func(a, b int64) bool, u func(a, b uint64) bool) impl {
	return func(c *call) []*tensor.Tensor {
		a, b := c.pair()
		shape := broadcast(a.Shape, b.Shape)
		return one(c.result(tensor.Bool, shape, func() any {
			out := make([]bool, tensor.Len(shape))
			switch {
			case isFloat(a.DType):
				zip(out, shape, a, b, floatsOf, f)
			case a.DType == tensor.Uint64:
				zip(out, shape, a, b, uintsOf, u)
			default:
				zip(out, shape, a, b, intsOf, i)
			}
			return out
		}))
	}
}

func equal[T num](a, b T) bool          { return a == b }
func less[T num](a, b T) bool           { return a < b }
func lessOrEqual[T num](a, b T) bool    { return a <= b }
func greater[T num](a, b T) bool        { return a > b }
func greaterOrEqual[T num](a, b T) bool { return a >= b }

// logic makes an operator of two bool inputs.
func logic(f func(a, b int64) int64) impl {
	return func(c *call) []*tensor.Tensor {
		a, b := c.pair()
		require(a.DType == tensor.Bool, "inputs of type %v: bool is needed", a.DType)
		shape := broadcast(a.Shape, b.Shape)
		return one(c.integers(tensor.Bool, shape, func(out []int64) { zip(out, shape, a, b, intsOf, f) }))
	}
}

// bitwise makes an operator of two integer inputs.
func bitwise(i func(a, b int64) int64, u func(a, b uint64) uint64) impl {
	return func(c *call) []*tensor.Tensor {
		a, b := c.pair()
		require(isInt(a.DType), "inputs of type %v: integers are needed", a.DType)
		return one(c.combine(a, b, nil, i, u))
	}
}

func bitAnd[T int64 | uint64](a, b T) T { return a & b }
func bitOr[T int64 | uint64](a, b T) T  { return a | b }
func bitXor[T int64 | uint64](a, b T) T { return a ^ b }

func not(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(x.DType == tensor.Bool, "input of type %v: bool is needed", x.DType)
	return one(c.integers(x.DType, x.Shape, func(out []int64) {
		apply(out, intsOf(x), func(v int64) int64 { return 1 - v })
	}))
}

func bitwiseNot(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(isInt(x.DType), "input of type %v: integers are needed", x.DType)
	return one(c.integers(x.DType, x.Shape, func(out []int64) {
		apply(out, intsOf(x), func(v int64) int64 { return ^v })
	}))
}

// bitShift shifts unsigned integers; bits shifted beyond the width are lost.
func bitShift(c *call) []*tensor.Tensor {
	a, b := c.pair()
	width := 8 * a.DType.Size()
	dir := attr(c, "direction", "")
	require(dir == "LEFT" || dir == "RIGHT", "direction %q: LEFT or RIGHT is needed", dir)
	require(isInt(a.DType), "inputs of type %v: integers are needed", a.DType)
	shift := func(a, b uint64) uint64 {
		n := min(b, uint64(bits.UintSize))
		if n >= uint64(width) && dir == "LEFT" {
			return 0
		}
		if dir == "LEFT" {
			return a << n
		}
		return a >> n
	}
	return one(c.combine(a, b, nil,
		func(a, b int64) int64 {
			if dir == "RIGHT" { // keeps the sign
				return a >> min(uint64(b), 63)
			}
			return int64(shift(uint64(a), uint64(b)))
		}, shift))
}

// where takes from the second input where the first is true, else from the third.
func where(c *call) []*tensor.Tensor {
	cond, a, b := c.input(0), c.input(1), c.input(2)
	require(cond.DType == tensor.Bool, "condition of type %v: bool is needed", cond.DType)
	require(a.DType == b.DType, "choices of types %v and %v", a.DType, b.DType)
	shape := broadcast(cond.Shape, a.Shape, b.Shape)
	return one(c.result(a.DType, shape, func() any {
		if tensor.Len(shape) == 0 {
			return zeros(a.DType, 0)
		}
		index := view(shape, stretchedStrides(b.Shape, shape), tensor.Len(a.Shape))
		first := view(shape, stretchedStrides(a.Shape, shape), 0)
		truth := tensor.Values[bool](cond)
		for i, j := range view(shape, stretchedStrides(cond.Shape, shape), 0) {
			if truth[j] {
				index[i] = first[i]
			}
		}
		return pick(join([]*tensor.Tensor{a, b}), index, nil)
	}))
}

func isNaN(c *call) []*tensor.Tensor {
	return one(c.test(func(v float64) bool { return math.IsNaN(v) }))
}

func isInf(c *call) []*tensor.Tensor {
	pos, neg := c.flag("detect_positive", true), c.flag("detect_negative", true)
	return one(c.test(func(v float64) bool { return pos && math.IsInf(v, 1) || neg && math.IsInf(v, -1) }))
}

// test answers with a truth value for every element of the floating-point input.
func (c *call) test(f func(float64) bool) *tensor.Tensor {
	x := c.float(0)
	return c.result(tensor.Bool, x.Shape, func() any {
		out := make([]bool, tensor.Len(x.Shape))
		apply(out, floatsOf(x), f)
		return out
	})
}
