package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// nonZero lists the coordinates of the elements that are not zero, one column an
// element. The size of the result depends on the values.
func nonZero(c *call) []*tensor.Tensor {
	x := c.value(0)
	var at []int
	for i, v := range numbersOf(x) {
		if v != 0 {
			at = append(at, i)
		}
	}
	rank := len(x.Shape)
	if rank == 0 {
		return one(c.integers(tensor.Int64, []int{0, len(at)}, nil))
	}
	st := strides(x.Shape)
	return one(c.integers(tensor.Int64, []int{rank, len(at)}, func(out []int64) {
		for k, i := range at {
			for d := range rank {
				out[d*len(at)+k] = int64(i / st[d] % x.Shape[d])
			}
		}
	}))
}

// compress keeps the slices along an axis (or, without one, the elements) for which
// the condition is true.
func compress(c *call) []*tensor.Tensor {
	x, cond := c.input(0), c.value(1)
	require(cond.DType == tensor.Bool && len(cond.Shape) == 1, "condition %v: a list of bool is needed", cond)
	if !c.hasAttr("axis") {
		x = c.reshaped(x, []int{tensor.Len(x.Shape)})
	}
	a := axis(c.int("axis", 0), len(x.Shape))
	require(cond.Shape[0] <= x.Shape[a], "condition %v is longer than axis %d of %v", cond, a, x.Shape)
	places := make([][]int, len(x.Shape))
	shape := slices.Clone(x.Shape)
	for d, n := range x.Shape {
		places[d] = sequence(n)
	}
	places[a] = nil
	for i, keep := range tensor.Values[bool](cond) {
		if keep {
			places[a] = append(places[a], i)
		}
	}
	shape[a] = len(places[a])
	return one(c.moved(x, shape, func() []int { return crossed(places, strides(x.Shape)) }))
}
