package op

import (
	"fmt"
	"math"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// An impl is the implementation of an operator: all of its results, in order.
type impl func(c *call) []*tensor.Tensor

// A call is one application of an operator.
type call struct {
	*graph.Node
	opset  int64
	in     []*tensor.Tensor
	limits Limits
}

// maxRank bounds the dimensions of a tensor, and maxInt32 every size, pad, stride
// and the like, so that products of two of them do not overflow.
const (
	maxRank  = 32
	maxInt32 = math.MaxInt32
)

// checkInputs refuses tensors that would make a loop over their dimensions endless
// although they are empty.
func (c *call) checkInputs() {
	for i, t := range c.in {
		if t == nil {
			continue
		}
		require(t.DType.Size() > 0, "input %d: %v is not supported", i, t.DType)
		require(len(t.Shape) <= maxRank, "input %d has %d dimensions: %w", i, len(t.Shape), ErrLimit)
		n := volume(t.Shape)
		require(n <= c.limits.Elements || t.Known() && n == tensor.Len(t.Shape), "input %d of shape %v: %w", i, t.Shape, ErrLimit)
	}
}

// volume is the number of elements, were the dimensions of 0 ones.
func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		require(d >= 0, "shape %v has a negative dimension", shape)
		n = tensor.Len([]int{n, max(d, 1)})
	}
	return n
}

// has reports whether the i-th input is present.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// opt returns the i-th input, or nil if it is absent.
func (c *call) opt(i int) *tensor.Tensor {
	if c.has(i) {
		return c.in[i]
	}
	return nil
}

// input returns the i-th input and fails if it is absent.
func (c *call) input(i int) *tensor.Tensor {
	require(c.has(i), "input %d is missing", i)
	return c.in[i]
}

// ranked returns the i-th input and fails if it has fewer than lo or more than hi
// dimensions.
func (c *call) ranked(i, lo, hi int) *tensor.Tensor {
	t := c.input(i)
	r := len(t.Shape)
	require(lo <= r && r <= hi, "input %d has shape %v: %d to %d dimensions are allowed", i, t.Shape, lo, hi)
	return t
}

// float returns the i-th input and fails unless it is of a floating-point type.
func (c *call) float(i int) *tensor.Tensor {
	t := c.input(i)
	require(isFloat(t.DType), "input %d is of type %v: a floating-point type is needed", i, t.DType)
	return t
}

// value returns the i-th input and fails if its values are not known.
func (c *call) value(i int) *tensor.Tensor {
	t := c.input(i)
	require(t.Known(), "input %d %q: %w", i, c.Node.Input(i), ErrNeedsValue)
	return t
}

// longs returns the values of the i-th input, integers of rank 0 or 1.
func (c *call) longs(i int) []int64 {
	t := c.value(i)
	require(len(t.Shape) < 2, "input %d has shape %v: a list is needed", i, t.Shape)
	require(isInt(t.DType), "input %d is of type %v: integers are needed", i, t.DType)
	return intsOf(t)
}

// ints is longs with the values checked to be small enough to reckon with.
func (c *call) ints(i int) []int { return smallInts(c.longs(i)) }

// scalar returns the only value of the i-th input.
func (c *call) scalar(i int) float64 {
	t := c.value(i)
	require(tensor.Len(t.Shape) == 1, "input %d has shape %v: one value is needed", i, t.Shape)
	return numbersOf(t)[0]
}

// known reports whether the values of all inputs are known.
func (c *call) known() bool {
	for _, t := range c.in {
		if t != nil && !t.Known() {
			return false
		}
	}
	return true
}

// wants reports whether the node uses its i-th output.
func (c *call) wants(i int) bool { return i < len(c.Outputs) && c.Outputs[i] != "" }

// attr returns an attribute of the node, def when it has none, and fails when it
// is of another type than def.
func attr[T int64 | float32 | string | []int64 | []float32 | []string | *tensor.Tensor](c *call, name string, def T) T {
	a, ok := c.Attrs[name]
	if !ok {
		return def
	}
	v, ok := a.(T)
	require(ok, "attribute %q is of type %T instead of %T", name, a, def)
	return v
}

// int returns an int attribute that must be small enough to reckon with.
func (c *call) int(name string, def int) int {
	return smallInts([]int64{attr(c, name, int64(def))})[0]
}

// flag returns an int attribute as a truth value.
func (c *call) flag(name string, def bool) bool {
	v := int64(0)
	if def {
		v = 1
	}
	return attr(c, name, v) != 0
}

// real returns a float attribute.
func (c *call) real(name string, def float32) float64 { return float64(attr(c, name, def)) }

// list returns an int list attribute, nil when there is none.
func (c *call) list(name string) []int { return smallInts(attr[[]int64](c, name, nil)) }

// hasAttr reports whether the node has the attribute.
func (c *call) hasAttr(name string) bool { _, ok := c.Attrs[name]; return ok }

func smallInts(v []int64) []int {
	if v == nil {
		return nil
	}
	s := make([]int, len(v))
	for i, x := range v {
		require(-maxInt32 <= x && x <= maxInt32, "the number %d is too large: %w", x, ErrLimit)
		s[i] = int(x)
	}
	return s
}

// axis normalises an axis that may be negative.
func axis(a, rank int) int {
	require(-rank <= a && a < rank, "axis %d of %d dimensions does not exist", a, rank)
	if a < 0 {
		a += rank
	}
	return a
}

// axes normalises a list of axes and fails on duplicates.
func axes(list []int, rank int) []int {
	seen := make([]bool, rank)
	out := make([]int, len(list))
	for i, a := range list {
		out[i] = axis(a, rank)
		require(!seen[out[i]], "axis %d occurs twice in %v", a, list)
		seen[out[i]] = true
	}
	return out
}

// work fails when a step needs more than the product of the factors allows.
func (c *call) work(factors ...int) {
	n := 1.0
	for _, f := range factors {
		n *= float64(max(f, 1))
	}
	require(n <= c.limits.Work, "%.0f steps of work: %w", n, ErrLimit)
	c.fold(n)
}

// fold counts steps on known values.
func (c *call) fold(steps float64) {
	if sum := c.limits.folded; sum != nil && c.known() {
		*sum += steps
		require(*sum <= c.limits.Folding, "%.0f steps to compute constants: %w", *sum, ErrLimit)
	}
}

// check fails when a result of that shape is too large.
func (c *call) check(shape []int) {
	require(len(shape) <= maxRank, "a result with %d dimensions: %w", len(shape), ErrLimit)
	require(volume(shape) <= c.limits.Elements, "a result of shape %v: %w", shape, ErrLimit)
}

// result makes a result: abstract unless all inputs are known, else of the values
// that compute returns.
func (c *call) result(dt tensor.DType, shape []int, compute func() any) *tensor.Tensor {
	c.check(shape)
	require(dt.Size() > 0, "%v is not supported", dt)
	t := tensor.Abstract(dt, shape...)
	c.fold(float64(volume(shape)))
	if c.known() {
		require(float64(volume(shape)*dt.Size()) <= c.limits.Bytes, "%v: %w", t, ErrLimit)
		t.Data = compute()
	}
	return t
}

// floats makes a result of a floating-point type. compute fills in its values,
// which start as zeros; it is not called for an empty result.
func (c *call) floats(dt tensor.DType, shape []int, compute func(out []float64)) *tensor.Tensor {
	require(isFloat(dt), "%v: a floating-point type is needed", dt)
	return c.result(dt, shape, func() any {
		out := make([]float64, tensor.Len(shape))
		if len(out) > 0 {
			compute(out)
		}
		return fromFloats(dt, out)
	})
}

// integers is floats for integers and truth values.
func (c *call) integers(dt tensor.DType, shape []int, compute func(out []int64)) *tensor.Tensor {
	require(isInt(dt) || dt == tensor.Bool, "%v: an integer type is needed", dt)
	return c.result(dt, shape, func() any {
		out := make([]int64, tensor.Len(shape))
		if len(out) > 0 {
			compute(out)
		}
		return fromInts(dt, out)
	})
}

// numbers makes a result of any numeric type: f computes it for floating-point
// types, u for uint64 and i for all others.
func (c *call) numbers(dt tensor.DType, shape []int, f func([]float64), i func([]int64), u func([]uint64)) *tensor.Tensor {
	switch {
	case isFloat(dt):
		return c.floats(dt, shape, f)
	case dt != tensor.Uint64:
		return c.integers(dt, shape, i)
	}
	return c.result(dt, shape, func() any {
		out := make([]uint64, tensor.Len(shape))
		if len(out) > 0 {
			u(out)
		}
		return out
	})
}

// moved makes a result of t's type whose elements are those of t at the flat
// indexes that index lists. An index of -1 is a zero.
func (c *call) moved(t *tensor.Tensor, shape []int, index func() []int) *tensor.Tensor {
	return c.result(t.DType, shape, func() any {
		if tensor.Len(shape) == 0 {
			return zeros(t.DType, 0)
		}
		return pick(t, index(), nil)
	})
}

// reshaped is t under another shape of the same size.
func (c *call) reshaped(t *tensor.Tensor, shape []int) *tensor.Tensor {
	c.check(shape)
	require(tensor.Len(shape) == tensor.Len(t.Shape), "shape %v does not hold the elements of %v", shape, t.Shape)
	return &tensor.Tensor{DType: t.DType, Shape: shape, Data: t.Data}
}

// one wraps the result of an operator with one output.
func one(t *tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{t} }

// unsupported fails with an error that wraps ErrUnsupported.
func unsupported(format string, args ...any) {
	fail("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// attrs are the attributes of a derived call.
type attrs = map[string]graph.Attr

// derived is a call within the same limits with other attributes and inputs, for
// operators that are defined by others.
func (c *call) derived(a attrs, in ...*tensor.Tensor) *call {
	n := &graph.Node{Op: c.Op, Inputs: make([]string, len(in)), Outputs: []string{"y"}, Attrs: a}
	return &call{Node: n, opset: latest, in: in, limits: c.limits}
}

// latest is the opset whose forms derived calls use.
const latest = 28
