package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// constantNode is the value that the node carries in one of several attributes.
func constantNode(c *call) []*tensor.Tensor {
	if t := attr[*tensor.Tensor](c, "value", nil); t != nil {
		return one(t)
	}
	switch {
	case c.hasAttr("value_float"):
		return one(tensor.New([]float32{attr(c, "value_float", float32(0))}))
	case c.hasAttr("value_int"):
		return one(tensor.New([]int64{attr(c, "value_int", int64(0))}))
	case c.hasAttr("value_floats"):
		v := attr[[]float32](c, "value_floats", nil)
		return one(tensor.New(v, len(v)))
	case c.hasAttr("value_ints"):
		v := attr[[]int64](c, "value_ints", nil)
		return one(tensor.New(v, len(v)))
	}
	unsupported("a constant that is neither a dense tensor nor numbers")
	return nil
}

// constantOfShape fills the shape in its input with one value, 0 by default.
func constantOfShape(c *call) []*tensor.Tensor {
	shape := c.ints(0)
	for _, d := range shape {
		require(d >= 0, "shape %v has a negative dimension", shape)
	}
	v := attr(c, "value", tensor.New([]float32{0}, 1))
	require(v.Known() && tensor.Len(v.Shape) == 1, "value %v: one value is needed", v)
	return one(c.moved(v, append([]int{}, shape...), func() []int { return make([]int, tensor.Len(shape)) }))
}

// rangeOf counts from start to below limit by delta.
func rangeOf(c *call) []*tensor.Tensor {
	x := c.value(0)
	for i := range 3 {
		require(c.value(i).DType == x.DType && tensor.Len(c.value(i).Shape) == 1,
			"start, limit and delta %v, %v, %v: three scalars of one type are needed", c.in[0], c.input(1), c.input(2))
	}
	if isFloat(x.DType) {
		start, limit, delta := c.scalar(0), c.scalar(1), c.scalar(2)
		n := math.Ceil((limit - start) / delta)
		require(n <= float64(c.limits.Elements), "%v elements: %w", n, ErrLimit)
		require(n == n, "start %v, limit %v and delta %v make no list", start, limit, delta)
		return one(c.floats(x.DType, []int{int(max(n, 0))}, func(out []float64) {
			for i := range out {
				out[i] = start + float64(float64(i)*delta)
			}
		}))
	}
	start, limit, delta := intsOf(c.in[0])[0], intsOf(c.in[1])[0], intsOf(c.in[2])[0]
	require(delta != 0, "delta is 0")
	n := int64(0)
	if (limit > start) == (delta > 0) && limit != start {
		gap, by := uint64(limit-start), uint64(delta)
		if delta < 0 {
			gap, by = uint64(start-limit), uint64(-delta)
		}
		count := (gap-1)/by + 1
		require(count <= uint64(c.limits.Elements), "%d elements: %w", count, ErrLimit)
		n = int64(count)
	}
	return one(c.integers(x.DType, []int{int(n)}, func(out []int64) {
		for i := range out {
			out[i] = start + int64(i)*delta
		}
	}))
}

// eyeLike is a matrix of the input's size with ones on a diagonal.
func eyeLike(c *call) []*tensor.Tensor {
	x := c.ranked(0, 2, 2)
	dt := x.DType
	if t := attr(c, "dtype", int64(0)); t != 0 {
		dt = tensor.DType(t)
	}
	require(dt.Size() > 0, "%v is not supported", dt)
	c.check(x.Shape)
	k, w := c.int("k", 0), x.Shape[1]
	index := slices.Repeat([]int{-1}, tensor.Len(x.Shape))
	for r := range x.Shape[0] {
		if col := r + k; 0 <= col && col < w {
			index[r*w+col] = 0
		}
	}
	return one(&tensor.Tensor{DType: dt, Shape: x.Shape, Data: pick(constant(dt, 1, 1), index, nil)})
}

// oneHot puts a second value where the index along a new axis is that of the input,
// the first everywhere else.
func oneHot(c *call) []*tensor.Tensor {
	at, depth, values := c.input(0), c.scalar(1), c.input(2)
	require(slices.Equal(values.Shape, []int{2}), "values %v: off and on are needed", values)
	require(at.DType != tensor.Bool, "indexes of type bool")
	require(depth >= 0 && depth < maxInt32, "depth %v", depth)
	n := int(depth)
	a := axis(c.int("axis", -1), len(at.Shape)+1)
	shape := slices.Insert(slices.Clone(at.Shape), a, n)
	return one(c.moved(values, shape, func() []int {
		index := make([]int, tensor.Len(shape))
		_, _, inner := lanes(shape, a)
		for i, v := range numbersOf(at) {
			if v < 0 {
				v += depth
			}
			if k := toInt(v); 0 <= k && k < int64(n) {
				index[(i/inner*n+int(k))*inner+i%inner] = 1
			}
		}
		return index
	}))
}

// trilu keeps the upper (or lower) triangle of the last two axes' matrices, shifted
// by k diagonals, among zeros.
func trilu(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(len(x.Shape) >= 2, "input of shape %v: matrices are needed", x.Shape)
	upper := c.flag("upper", true)
	h, w := x.Shape[len(x.Shape)-2], x.Shape[len(x.Shape)-1]
	return one(c.moved(x, x.Shape, func() []int {
		k := int64(0)
		if c.has(1) {
			list := c.longs(1)
			require(len(list) == 1, "k is %v: one value is needed", list)
			k = min(max(list[0], -maxInt32), maxInt32)
		}
		index := sequence(tensor.Len(x.Shape))
		for i := range index {
			if above := int64(i%w) - int64(i/w%h) - k; upper && above < 0 || !upper && above > 0 {
				index[i] = -1
			}
		}
		return index
	}))
}
