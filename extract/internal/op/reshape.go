package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// identity returns its inputs. It also stands for operators that do nothing at
// inference.
func identity(c *call) []*tensor.Tensor { return one(c.input(0)) }

// dropout does nothing at inference. The mask, if used, is all true.
func dropout(c *call) []*tensor.Tensor {
	x := c.input(0)
	if c.has(2) && c.scalar(2) != 0 && (!c.has(1) || c.scalar(1) != 0) {
		unsupported("training mode")
	}
	if !c.wants(1) {
		return []*tensor.Tensor{x, nil}
	}
	dt := tensor.Bool
	if c.opset < 10 {
		dt = x.DType
	}
	c.check(x.Shape)
	mask := slices.Repeat([]int64{1}, tensor.Len(x.Shape))
	if isFloat(dt) {
		return []*tensor.Tensor{x, {DType: dt, Shape: x.Shape, Data: fromFloats(dt, convert[float64](mask))}}
	}
	return []*tensor.Tensor{x, {DType: dt, Shape: x.Shape, Data: fromInts(dt, mask)}}
}

// reshape takes the shape from an input, before opset 5 from an attribute. A 0
// keeps the dimension unless allowzero is set; one -1 is worked out.
func reshape(c *call) []*tensor.Tensor {
	x := c.input(0)
	var want []int
	if c.opset < 5 || !c.has(1) && c.hasAttr("shape") {
		want = c.list("shape")
	} else {
		want = c.ints(1)
	}
	return one(c.reshaped(x, resolve(want, x.Shape, c.flag("allowzero", false))))
}

func resolve(want, from []int, allowZero bool) []int {
	shape := make([]int, len(want))
	free, rest := -1, 1
	for i, d := range want {
		switch {
		case d == 0 && !allowZero:
			require(i < len(from), "shape %v copies dimension %d, which %v does not have", want, i, from)
			d = from[i]
		case d == -1:
			require(free < 0, "shape %v has two -1", want)
			free, d = i, 1
		}
		require(d >= 0, "shape %v has a negative dimension", want)
		shape[i] = d
		rest = tensor.Len([]int{rest, d})
	}
	if free >= 0 {
		n := tensor.Len(from)
		require(rest > 0 && n%rest == 0, "shape %v does not divide the %d elements of %v", want, n, from)
		shape[free] = n / rest
	}
	return shape
}

// flatten makes a matrix of the axes before "axis" and those from it on.
func flatten(c *call) []*tensor.Tensor {
	x := c.input(0)
	a := c.int("axis", 1)
	if a != len(x.Shape) {
		a = axis(a, max(len(x.Shape), 1))
	}
	return one(c.reshaped(x, []int{tensor.Len(x.Shape[:a]), tensor.Len(x.Shape[a:])}))
}

// axesInput returns the axes: an attribute before opset 13, then an input. It is
// nil when they are absent.
func (c *call) axesInput() []int {
	if c.opset < 13 && !c.has(1) {
		return c.list("axes")
	}
	if !c.has(1) {
		return nil
	}
	return append([]int{}, c.ints(1)...)
}

// squeeze removes axes of size 1: the given ones, or else all.
func squeeze(c *call) []*tensor.Tensor {
	x := c.input(0)
	list := c.axesInput()
	if list == nil {
		for d, n := range x.Shape {
			if n == 1 {
				list = append(list, d)
			}
		}
	}
	list = axes(list, len(x.Shape))
	for _, d := range list {
		require(x.Shape[d] == 1, "axis %d of %v is not 1", d, x.Shape)
	}
	return one(c.reshaped(x, without(x.Shape, list, false)))
}

// unsqueeze inserts axes of size 1; they count in the result.
func unsqueeze(c *call) []*tensor.Tensor {
	x := c.input(0)
	list := c.axesInput()
	require(list != nil, "the axes are missing")
	rank := len(x.Shape) + len(list)
	list = axes(list, rank)
	shape, rest := make([]int, rank), x.Shape
	for d := range shape {
		if slices.Contains(list, d) {
			shape[d] = 1
		} else {
			shape[d], rest = rest[0], rest[1:]
		}
	}
	return one(c.reshaped(x, shape))
}

// shapeOf needs no values: the result is known even if the input is abstract.
func shapeOf(c *call) []*tensor.Tensor {
	s := c.input(0).Shape
	clamp := func(a int) int {
		if a < 0 {
			a += len(s)
		}
		return min(max(a, 0), len(s))
	}
	from, to := clamp(c.int("start", 0)), clamp(c.int("end", len(s)))
	return one(longList(s[from:max(from, to)]))
}

func sizeOf(c *call) []*tensor.Tensor {
	return one(tensor.New([]int64{int64(tensor.Len(c.input(0).Shape))}))
}

// longList is a list of int64.
func longList(v []int) *tensor.Tensor {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return tensor.New(out, len(out))
}
