package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// A reduction folds the elements along some axes: from start, through step, and
// with n elements in all to finish. step's second operand is the element.
type reduction struct {
	start  float64
	step   func(acc, v float64) float64
	finish func(acc float64, n int) float64 // nil: acc itself
	ints   *intReduction                    // nil: in float64, then truncated
}

// An intReduction is the exact form for integers.
type intReduction struct {
	start int64
	step  func(acc, v int64) int64
}

func square[T num](acc, v T) T { return acc + v*v }

func plus(acc, v float64) float64 { return acc + v }

func logOf(acc float64, _ int) float64  { return math.Log(acc) }
func sqrtOf(acc float64, _ int) float64 { return math.Sqrt(acc) }
func meanOf(acc float64, n int) float64 { return acc / float64(n) }

var (
	sum           = reduction{step: plus, ints: &intReduction{0, add[int64]}}
	product       = reduction{start: 1, step: mul[float64], ints: &intReduction{1, mul[int64]}}
	meanOfAll     = reduction{step: plus, finish: meanOf}
	logOfSum      = reduction{step: plus, finish: logOf}
	sumOfAbs      = reduction{step: func(acc, v float64) float64 { return acc + math.Abs(v) }}
	sumOfSquares  = reduction{step: square[float64], ints: &intReduction{0, square[int64]}}
	rootOfSquares = reduction{step: square[float64], finish: sqrtOf}
)

// reduce makes an operator. The axes are an attribute until opset inputSince,
// since then the second input.
func reduce(r reduction, inputSince int64) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.input(0)
		list := c.reducedAxes(len(x.Shape), inputSince)
		shape := without(x.Shape, list, c.flag("keepdims", true))
		c.work(x.Shape...)
		if isFloat(x.DType) {
			return one(c.floats(x.DType, shape, func(out []float64) { r.floats(out, x, floatsOf(x), list) }))
		}
		return one(c.integers(x.DType, shape, func(out []int64) {
			if r.ints != nil {
				fold(out, x.Shape, intsOf(x), list, r.ints.start, r.ints.step)
				return
			}
			f := make([]float64, len(out))
			r.floats(f, x, numbersOf(x), list)
			apply(out, f, toInt)
		}))
	}
}

func (r *reduction) floats(out []float64, x *tensor.Tensor, values []float64, list []int) {
	n := fold(out, x.Shape, values, list, r.start, r.step)
	if r.finish != nil {
		for i, v := range out {
			out[i] = r.finish(v, n)
		}
	}
}

// fold reduces the values of a shape along the axes into out and returns how many
// went into each result.
func fold[T any](out []T, shape []int, values []T, list []int, start T, step func(acc, v T) T) int {
	for i := range out {
		out[i] = start
	}
	for i, o := range reducedView(shape, list) {
		out[o] = step(out[o], values[i])
	}
	n := 1
	for _, d := range list {
		n *= shape[d]
	}
	return n
}

// reducedView lists for each element of the shape the flat index of the result it
// goes into.
func reducedView(shape, list []int) []int {
	kept := without(shape, list, true)
	st := strides(kept)
	for _, d := range list {
		st[d] = 0
	}
	return view(shape, st, 0)
}

// reducedAxes returns the normalised axes to reduce. With noop_with_empty_axes
// there may be none: then each element is a result of its own.
func (c *call) reducedAxes(rank int, inputSince int64) []int {
	var list []int
	if c.opset >= inputSince {
		if c.has(1) {
			list = c.ints(1)
		}
	} else {
		list = c.list("axes")
	}
	if len(list) == 0 {
		if c.flag("noop_with_empty_axes", false) {
			return []int{}
		}
		return sequence(rank)
	}
	return axes(list, rank)
}

// reduceMinMax folds with larger or smaller, exactly for every type, bool included.
func reduceMinMax(largest bool) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.input(0)
		list := c.reducedAxes(len(x.Shape), 18)
		shape := without(x.Shape, list, c.flag("keepdims", true))
		c.work(x.Shape...)
		f, i, u := smaller[float64], smaller[int64], smaller[uint64]
		first := highest(x.DType)
		if largest {
			f, i, u = larger[float64], larger[int64], larger[uint64]
			first = lowest(x.DType)
		}
		return one(c.numbers(x.DType, shape,
			func(out []float64) { fold(out, x.Shape, floatsOf(x), list, floatsOf(first)[0], f) },
			func(out []int64) { fold(out, x.Shape, intsOf(x), list, intsOf(first)[0], i) },
			func(out []uint64) { fold(out, x.Shape, uintsOf(x), list, uintsOf(first)[0], u) }))
	}
}

// reduceLogSumExp is ln Σ eˣ, with the largest value taken out first.
func reduceLogSumExp(c *call) []*tensor.Tensor {
	x := c.float(0)
	list := c.reducedAxes(len(x.Shape), 18)
	c.work(x.Shape...)
	return one(c.floats(x.DType, without(x.Shape, list, c.flag("keepdims", true)), func(out []float64) {
		values := slices.Clone(floatsOf(x))
		peaks := make([]float64, len(out))
		fold(peaks, x.Shape, values, list, math.Inf(-1), larger[float64])
		for i, p := range peaks {
			if math.IsInf(p, 0) {
				peaks[i] = 0
			}
		}
		for i, o := range reducedView(x.Shape, list) {
			out[o] += math.Exp(values[i] - peaks[o])
		}
		for i, p := range peaks {
			out[i] = math.Log(out[i]) + p
		}
	}))
}

// lowest is the identity of max: -Inf, or the smallest value of the type.
func lowest(dt tensor.DType) *tensor.Tensor {
	v := int64(0)
	if dt == tensor.Int8 || dt == tensor.Int16 || dt == tensor.Int32 || dt == tensor.Int64 {
		v = -1 << (8*dt.Size() - 1)
	}
	return constant(dt, math.Inf(-1), v)
}

// highest is the identity of min: Inf, or the largest value of the type.
func highest(dt tensor.DType) *tensor.Tensor {
	v := int64(-1) // all bits
	switch dt {
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		v = 1<<(8*dt.Size()-1) - 1
	}
	return constant(dt, math.Inf(1), v)
}

// constant is a scalar of the type: f, or i wrapped.
func constant(dt tensor.DType, f float64, i int64) *tensor.Tensor {
	t := &tensor.Tensor{DType: dt, Shape: []int{}}
	if isFloat(dt) {
		t.Data = fromFloats(dt, []float64{f})
	} else {
		t.Data = fromInts(dt, []int64{i})
	}
	return t
}
