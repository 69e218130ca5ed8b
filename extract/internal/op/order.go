package op

import (
	"cmp"
	"slices"

	"featstore/extract/internal/tensor"
)

// ordering compares two elements of a tensor by their flat indexes. NaN comes
// before all numbers.
func ordering(t *tensor.Tensor) func(i, j int) int {
	switch {
	case isFloat(t.DType):
		return orderingOf(floatsOf(t))
	case t.DType == tensor.Uint64:
		return orderingOf(uintsOf(t))
	}
	return orderingOf(intsOf(t))
}

func orderingOf[T num](v []T) func(i, j int) int {
	return func(i, j int) int { return cmp.Compare(v[i], v[j]) }
}

// argExtreme answers with the place of the largest or smallest element along an
// axis: the first of several, or the last if select_last_index asks for it.
func argExtreme(sign int) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.input(0)
		require(len(x.Shape) > 0, "the input is a scalar")
		a := axis(c.int("axis", 0), len(x.Shape))
		last := c.flag("select_last_index", false)
		outer, n, inner := lanes(x.Shape, a)
		require(n > 0 || outer*inner == 0, "axis %d of %v is empty", a, x.Shape)
		return one(c.integers(tensor.Int64, without(x.Shape, []int{a}, c.flag("keepdims", true)), func(out []int64) {
			compare := ordering(x)
			for o := range outer {
				for i := range inner {
					at := func(k int) int { return (o*n+k)*inner + i }
					best := 0
					for k := 1; k < n; k++ {
						if d := sign * compare(at(k), at(best)); d > 0 || last && d == 0 {
							best = k
						}
					}
					out[o*inner+i] = int64(best)
				}
			}
		}))
	}
}

// topK sorts the k largest (or smallest) elements along an axis and answers with
// them and their places. Of equal elements the first comes first. k is an
// attribute before opset 10.
func topK(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(len(x.Shape) > 0, "the input is a scalar")
	k := c.int("k", -1)
	if c.opset >= 10 {
		list := c.ints(1)
		require(len(list) == 1, "k is %v: one value is needed", list)
		k = list[0]
	}
	a := axis(c.int("axis", -1), len(x.Shape))
	outer, n, inner := lanes(x.Shape, a)
	require(0 <= k && k <= n, "k is %d, the axis has %d elements", k, n)
	sign := -1
	if !c.flag("largest", true) {
		sign = 1
	}
	shape := slices.Clone(x.Shape)
	shape[a] = k
	c.work(volume(x.Shape), 16)
	c.check(shape)
	var index []int // of the chosen elements in x
	places := make([]int64, 0)
	if c.known() && tensor.Len(shape) > 0 {
		index, places = make([]int, tensor.Len(shape)), make([]int64, tensor.Len(shape))
		compare := ordering(x)
		for o := range outer {
			for i := range inner {
				order := sequence(n)
				slices.SortStableFunc(order, func(p, q int) int {
					return sign * compare((o*n+p)*inner+i, (o*n+q)*inner+i)
				})
				for r, p := range order[:k] {
					index[(o*k+r)*inner+i], places[(o*k+r)*inner+i] = (o*n+p)*inner+i, int64(p)
				}
			}
		}
	}
	return []*tensor.Tensor{
		c.moved(x, shape, func() []int { return index }),
		c.result(tensor.Int64, shape, func() any { return places }),
	}
}

// unique lists the distinct elements, or the distinct slices along an axis, with
// the place where each was first seen, which of them each input is, and how often
// it occurs. The size of the result depends on the values.
func unique(c *call) []*tensor.Tensor {
	x := c.value(0)
	outer, n, inner := 1, tensor.Len(x.Shape), 1
	shape := []int{0}
	a := 0
	if c.hasAttr("axis") {
		a = axis(c.int("axis", 0), len(x.Shape))
		outer, n, inner = lanes(x.Shape, a)
		shape = slices.Clone(x.Shape)
	}
	c.work(volume(x.Shape), 32)
	compare := ordering(x)
	cmpSlices := func(p, q int) int {
		for o := range outer {
			for i := range inner {
				if d := compare((o*n+p)*inner+i, (o*n+q)*inner+i); d != 0 {
					return d
				}
			}
		}
		return 0
	}
	first, inverse, counts := distinct(n, cmpSlices, attr(c, "sorted", int64(1)) != 0)
	shape[a] = len(first)
	y := c.moved(x, shape, func() []int {
		index := make([]int, 0, tensor.Len(shape))
		for o := range outer {
			for _, p := range first {
				for i := range inner {
					index = append(index, (o*n+p)*inner+i)
				}
			}
		}
		return index
	})
	return []*tensor.Tensor{y, longList(first), longList(inverse), longList(counts)}
}

// distinct groups 0 … n-1 by compare. Groups are in the order of compare or else
// of their first members.
func distinct(n int, compare func(p, q int) int, sorted bool) (first, inverse, counts []int) {
	order := sequence(n)
	slices.SortStableFunc(order, compare)
	group := make([]int, n)
	for r, p := range order {
		if r > 0 && compare(order[r-1], p) == 0 {
			group[p] = group[order[r-1]]
			counts[group[p]]++
			continue
		}
		group[p] = len(first)
		first, counts = append(first, p), append(counts, 1)
	}
	if sorted {
		return first, group, counts
	}
	rank := sequence(len(first)) // groups by first member
	slices.SortFunc(rank, func(g, h int) int { return first[g] - first[h] })
	to := make([]int, len(rank))
	f2, c2 := make([]int, len(rank)), make([]int, len(rank))
	for r, g := range rank {
		to[g], f2[r], c2[r] = r, first[g], counts[g]
	}
	for p := range group {
		group[p] = to[group[p]]
	}
	return f2, group, c2
}
