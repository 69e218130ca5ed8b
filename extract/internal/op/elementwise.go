package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// arith makes an operator of two or more broadcast inputs of one type from the
// same function on each type of number. Without i it takes floating-point types
// only.
func arith(f func(a, b float64) float64, i func(a, b int64) int64, u func(a, b uint64) uint64) impl {
	return func(c *call) []*tensor.Tensor {
		a, b := c.pair()
		return one(c.combine(a, b, f, i, u))
	}
}

// variadic is arith for operators of any number of inputs, applied from the left.
func variadic(f func(a, b float64) float64, i func(a, b int64) int64, u func(a, b uint64) uint64) impl {
	return func(c *call) []*tensor.Tensor {
		acc := c.input(0)
		for k := 1; k < len(c.in); k++ {
			b := c.input(k)
			require(acc.DType == b.DType, "inputs of types %v and %v", acc.DType, b.DType)
			acc = c.combine(acc, b, f, i, u)
		}
		return one(acc)
	}
}

// pair returns the two inputs of a binary operator, of the same type, the second
// aligned as opsets before 7 ask for.
func (c *call) pair() (a, b *tensor.Tensor) {
	a, b = c.input(0), c.input(1)
	require(a.DType == b.DType, "inputs of types %v and %v", a.DType, b.DType)
	return a, c.aligned(a, b)
}

// aligned gives b the trailing axes that, before opset 7, the attribute "axis"
// asks for: b's first axis lies at that axis of a.
func (c *call) aligned(a, b *tensor.Tensor) *tensor.Tensor {
	if c.opset >= 7 || !c.hasAttr("axis") {
		return b
	}
	n := len(a.Shape) - axis(c.int("axis", 0), len(a.Shape)) - len(b.Shape)
	require(n >= 0, "shape %v does not fit into %v at axis %d", b.Shape, a.Shape, c.int("axis", 0))
	return c.reshaped(b, append(slices.Clone(b.Shape), slices.Repeat([]int{1}, n)...))
}

func (c *call) combine(a, b *tensor.Tensor, f func(a, b float64) float64, i func(a, b int64) int64, u func(a, b uint64) uint64) *tensor.Tensor {
	require(a.DType != tensor.Bool, "bool is not a number")
	require(i != nil || isFloat(a.DType), "%v: a floating-point type is needed", a.DType)
	shape := broadcast(a.Shape, b.Shape)
	return c.numbers(a.DType, shape,
		func(out []float64) { zip(out, shape, a, b, floatsOf, f) },
		func(out []int64) { zip(out, shape, a, b, intsOf, i) },
		func(out []uint64) { zip(out, shape, a, b, uintsOf, u) })
}

// zip sets out to f of the elements of a and b, stretched to the shape.
func zip[S, T any](out []T, shape []int, a, b *tensor.Tensor, values func(*tensor.Tensor) []S, f func(a, b S) T) {
	av, bv := values(a), values(b)
	ai, bi := stretched(a.Shape, shape), stretched(b.Shape, shape)
	for i := range out {
		j, k := i, i
		if ai != nil {
			j = ai[i]
		}
		if bi != nil {
			k = bi[i]
		}
		out[i] = f(av[j], bv[k])
	}
}

func add[T num](a, b T) T { return a + b }
func sub[T num](a, b T) T { return a - b }
func mul[T num](a, b T) T { return a * b }

// larger and smaller are NaN when either is.
func larger[T num](a, b T) T  { return max(a, b) }
func smaller[T num](a, b T) T { return min(a, b) }

func divFloat(a, b float64) float64 { return a / b }

func divInt[T int64 | uint64](a, b T) T {
	require(b != 0, "division by zero")
	return a / b
}

// sum and mean of any number of inputs.
func mean(c *call) []*tensor.Tensor {
	total := variadic(add[float64], nil, nil)(c)[0]
	return one(c.floats(total.DType, total.Shape, func(out []float64) {
		for i, v := range floatsOf(total) {
			out[i] = v / float64(len(c.in))
		}
	}))
}

// mod has the divisor's sign, as Python's %, or with fmod=1 the dividend's, as C's.
func mod(c *call) []*tensor.Tensor {
	a, b := c.pair()
	fmod := c.flag("fmod", false)
	require(fmod || c.opset >= 28 || !isFloat(a.DType), "floating-point inputs need fmod=1")
	return one(c.combine(a, b,
		func(a, b float64) float64 {
			r := math.Mod(a, b)
			if !fmod && r != 0 && (r < 0) != (b < 0) {
				r += b
			}
			return r
		},
		func(a, b int64) int64 {
			require(b != 0, "division by zero")
			r := a % b
			if !fmod && r != 0 && (r < 0) != (b < 0) {
				r += b
			}
			return r
		},
		func(a, b uint64) uint64 {
			require(b != 0, "division by zero")
			return a % b
		}))
}

// pow has the base's type; the exponent may be of another.
func pow(c *call) []*tensor.Tensor {
	a, b := c.input(0), c.input(1)
	require(a.DType != tensor.Bool && b.DType != tensor.Bool, "bool is not a number")
	b = c.aligned(a, b)
	shape := broadcast(a.Shape, b.Shape)
	if isInt(a.DType) && isInt(b.DType) && a.DType != tensor.Uint64 {
		return one(c.integers(a.DType, shape, func(out []int64) { zip(out, shape, a, b, intsOf, powInt) }))
	}
	values := func(out []float64) { zip(out, shape, a, b, numbersOf, math.Pow) }
	if isFloat(a.DType) {
		return one(c.floats(a.DType, shape, values))
	}
	return one(c.integers(a.DType, shape, func(out []int64) {
		f := make([]float64, len(out))
		values(f)
		for i, v := range f {
			out[i] = toInt(v)
		}
	}))
}

// powInt is a to the power of n, wrapping; negative powers are 0 but for a of ±1.
func powInt(a, n int64) int64 {
	if n < 0 {
		if a != 1 && a != -1 {
			return 0
		}
		n = -n & 1
	}
	r := int64(1)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r *= a
		}
		a *= a
	}
	return r
}

// unary makes an operator of one floating-point input.
func unary(f func(float64) float64) impl {
	return func(c *call) []*tensor.Tensor { return one(c.each(c.float(0), f)) }
}

// each applies f to every element of a floating-point tensor.
func (c *call) each(x *tensor.Tensor, f func(float64) float64) *tensor.Tensor {
	return c.floats(x.DType, x.Shape, func(out []float64) {
		apply(out, floatsOf(x), f)
	})
}

// unaryAny makes an operator of one numeric input, from the same function on each
// type of number. Without u it is not defined for uint64.
func unaryAny(f func(float64) float64, i func(int64) int64, u func(uint64) uint64) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.input(0)
		require(x.DType != tensor.Bool && (x.DType != tensor.Uint64 || u != nil), "not defined for %v", x.DType)
		return one(c.numbers(x.DType, x.Shape,
			func(out []float64) { apply(out, floatsOf(x), f) },
			func(out []int64) { apply(out, intsOf(x), i) },
			func(out []uint64) { apply(out, uintsOf(x), u) }))
	}
}

func apply[S, T any](out []T, x []S, f func(S) T) {
	for i, v := range x {
		out[i] = f(v)
	}
}

func absInt(a int64) int64     { return max(a, -a) }
func negInt(a int64) int64     { return -a }
func sameUint(a uint64) uint64 { return a }

func negFloat(a float64) float64   { return -a }
func reciprocal(a float64) float64 { return 1 / a }

func signUint(a uint64) uint64 { return min(a, 1) }

func signInt(a int64) int64 { return min(max(a, -1), 1) }

func signFloat(a float64) float64 {
	switch {
	case a > 0:
		return 1
	case a < 0:
		return -1
	}
	return a // ±0 and NaN
}

// clip limits to [lo, hi], attributes before opset 11 and inputs since. Where lo
// exceeds hi the answer is hi.
func clip(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(x.DType != tensor.Bool, "bool is not a number")
	if c.opset < 11 {
		lo, hi := c.real("min", -math.MaxFloat32), c.real("max", math.MaxFloat32)
		return one(c.each(c.float(0), func(v float64) float64 { return min(max(v, lo), hi) }))
	}
	out := x
	for i, pair := range []impl{arith(larger[float64], larger[int64], larger[uint64]), arith(smaller[float64], smaller[int64], smaller[uint64])} {
		bound := c.opt(i + 1)
		if bound == nil {
			continue
		}
		require(tensor.Len(bound.Shape) == 1, "the bound has shape %v: a scalar is needed", bound.Shape)
		sub := *c
		sub.in = []*tensor.Tensor{out, {DType: bound.DType, Shape: []int{}, Data: bound.Data}}
		out = pair(&sub)[0]
	}
	return one(out)
}
