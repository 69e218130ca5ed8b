package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// wrapped is an index of n elements, which may count from the end.
func wrapped(i int64, n int) int {
	require(-int64(n) <= i && i < int64(n), "index %d of %d elements does not exist", i, n)
	if i < 0 {
		i += int64(n)
	}
	return int(i)
}

// indexes returns the i-th input and fails unless it is of integers.
func (c *call) indexes(i int) *tensor.Tensor {
	t := c.input(i)
	require(t.DType == tensor.Int64 || t.DType == tensor.Int32, "input %d is of type %v: int32 or int64 indexes are needed", i, t.DType)
	return t
}

// gather takes slices along an axis by their indexes.
func gather(c *call) []*tensor.Tensor {
	x, at := c.input(0), c.indexes(1)
	require(len(x.Shape) > 0, "the data is a scalar")
	a := axis(c.int("axis", 0), len(x.Shape))
	outer, n, inner := lanes(x.Shape, a)
	shape := slices.Concat(x.Shape[:a], at.Shape, x.Shape[a+1:])
	return one(c.moved(x, shape, func() []int {
		index := make([]int, 0, tensor.Len(shape))
		places := intsOf(at)
		for o := range outer {
			for _, p := range places {
				base := (o*n + wrapped(p, n)) * inner
				for i := range inner {
					index = append(index, base+i)
				}
			}
		}
		return index
	}))
}

// gatherElements takes for each index the element whose coordinate along the axis
// it is and whose other coordinates are the index's own.
func gatherElements(c *call) []*tensor.Tensor {
	x, at := c.input(0), c.indexes(1)
	return one(c.moved(x, at.Shape, func() []int { return c.elementTargets(x, at) }))
}

// elementTargets lists the flat indexes into x that the index tensor of
// GatherElements and ScatterElements stands for.
func (c *call) elementTargets(x, at *tensor.Tensor) []int {
	require(len(x.Shape) == len(at.Shape) && len(x.Shape) > 0, "indexes %v do not suit data %v", at.Shape, x.Shape)
	a := axis(c.int("axis", 0), len(x.Shape))
	st := strides(x.Shape)
	for d := range st {
		require(d == a || at.Shape[d] <= x.Shape[d], "indexes %v do not suit data %v", at.Shape, x.Shape)
	}
	others := slices.Clone(st)
	others[a] = 0
	to := view(at.Shape, others, 0)
	for i, p := range intsOf(at) {
		to[i] += wrapped(p, x.Shape[a]) * st[a]
	}
	return to
}

// gatherND takes slices by tuples of coordinates, the last axis of the indexes.
func gatherND(c *call) []*tensor.Tensor {
	x, at := c.input(0), c.indexes(1)
	batch := c.int("batch_dims", 0)
	require(0 <= batch && batch < len(at.Shape) && batch < len(x.Shape), "batch_dims %d does not suit data %v and indexes %v", batch, x.Shape, at.Shape)
	require(slices.Equal(x.Shape[:batch], at.Shape[:batch]), "data %v and indexes %v differ in their %d batch axes", x.Shape, at.Shape, batch)
	tuple := at.Shape[len(at.Shape)-1]
	require(tuple <= len(x.Shape)-batch, "tuples of %d coordinates do not suit data %v", tuple, x.Shape)
	rest := x.Shape[batch+tuple:]
	shape := slices.Concat(at.Shape[:len(at.Shape)-1], rest)
	return one(c.moved(x, shape, func() []int {
		index := make([]int, 0, tensor.Len(shape))
		run := tensor.Len(rest)
		for _, base := range tupleTargets(x.Shape, at, batch) {
			for i := range run {
				index = append(index, base+i)
			}
		}
		return index
	}))
}

// tupleTargets lists for each tuple of coordinates the flat index in an array of
// the shape at which its slice begins.
func tupleTargets(shape []int, at *tensor.Tensor, batch int) []int {
	st := strides(shape)
	tuple := at.Shape[len(at.Shape)-1]
	front := at.Shape[:len(at.Shape)-1]
	own := make([]int, len(front)) // only the batch axes move the slice by themselves
	copy(own, st[:batch])
	out := view(front, own, 0)
	coords := intsOf(at)
	for i := range out {
		for k := range tuple {
			out[i] += wrapped(coords[i*tuple+k], shape[batch+k]) * st[batch+k]
		}
	}
	return out
}

// scatterElements is a copy of the data with the updates at the places that the
// indexes stand for.
func scatterElements(c *call) []*tensor.Tensor {
	x, at, updates := c.input(0), c.indexes(1), c.input(2)
	require(slices.Equal(at.Shape, updates.Shape), "indexes %v and updates %v are of different shapes", at.Shape, updates.Shape)
	return one(c.scattered(x, updates, func() []int { return c.elementTargets(x, at) }))
}

// scatterND is a copy of the data with the slices that tuples of coordinates name
// replaced by the updates.
func scatterND(c *call) []*tensor.Tensor {
	x, at, updates := c.input(0), c.indexes(1), c.input(2)
	require(len(at.Shape) > 0 && len(x.Shape) > 0, "data %v and indexes %v: arrays are needed", x.Shape, at.Shape)
	tuple := at.Shape[len(at.Shape)-1]
	require(tuple <= len(x.Shape), "tuples of %d coordinates do not suit data %v", tuple, x.Shape)
	rest := x.Shape[tuple:]
	want := slices.Concat(at.Shape[:len(at.Shape)-1], rest)
	require(slices.Equal(updates.Shape, want), "updates of shape %v: %v is needed", updates.Shape, want)
	return one(c.scattered(x, updates, func() []int {
		run := tensor.Len(rest)
		var to []int
		if run == 0 {
			return to
		}
		for _, base := range tupleTargets(x.Shape, at, 0) {
			for i := range run {
				to = append(to, base+i)
			}
		}
		return to
	}))
}

// scattered is x with the updates at the flat indexes that targets lists: replacing
// what was there, or combined with it as the attribute "reduction" says.
func (c *call) scattered(x, updates *tensor.Tensor, targets func() []int) *tensor.Tensor {
	require(x.DType == updates.DType, "data and updates are of types %v and %v", x.DType, updates.DType)
	var f func(a, b float64) float64
	var i func(a, b int64) int64
	var u func(a, b uint64) uint64
	switch r := attr(c, "reduction", "none"); r {
	case "none":
		return c.result(x.DType, x.Shape, func() any {
			index := sequence(tensor.Len(x.Shape))
			for k, to := range targets() {
				index[to] = len(index) + k
			}
			return pick(join([]*tensor.Tensor{x, updates}), index, nil)
		})
	case "add":
		f, i, u = add[float64], add[int64], add[uint64]
	case "mul":
		f, i, u = mul[float64], mul[int64], mul[uint64]
	case "max":
		f, i, u = larger[float64], larger[int64], larger[uint64]
	case "min":
		f, i, u = smaller[float64], smaller[int64], smaller[uint64]
	default:
		unsupported("reduction=%q", r)
	}
	return c.numbers(x.DType, x.Shape,
		func(out []float64) { scatterInto(out, floatsOf(x), floatsOf(updates), targets(), f) },
		func(out []int64) { scatterInto(out, intsOf(x), intsOf(updates), targets(), i) },
		func(out []uint64) { scatterInto(out, uintsOf(x), uintsOf(updates), targets(), u) })
}

func scatterInto[T num](out, x, updates []T, targets []int, f func(a, b T) T) {
	copy(out, x)
	for k, to := range targets {
		out[to] = f(out[to], updates[k])
	}
}

// reverseSequence reverses the first steps of each sequence of a batch.
func reverseSequence(c *call) []*tensor.Tensor {
	x, lengths := c.input(0), c.indexes(1)
	require(len(x.Shape) >= 2, "input of shape %v: batch and time are needed", x.Shape)
	time, batch := axis(c.int("time_axis", 0), len(x.Shape)), axis(c.int("batch_axis", 1), len(x.Shape))
	require(time != batch && slices.Equal(lengths.Shape, []int{x.Shape[batch]}), "lengths %v do not suit %v", lengths, x.Shape)
	st := strides(x.Shape)
	return one(c.moved(x, x.Shape, func() []int {
		n := intsOf(lengths)
		index := sequence(tensor.Len(x.Shape))
		for i := range index {
			t, end := i/st[time]%x.Shape[time], n[i/st[batch]%x.Shape[batch]]
			require(0 <= end && end <= int64(x.Shape[time]), "a length of %d of %d steps", end, x.Shape[time])
			if t < int(end) {
				index[i] += (int(end) - 1 - 2*t) * st[time]
			}
		}
		return index
	}))
}

// tensorScatter writes an update into a cache along an axis, from a place that may
// differ for each element of the batch.
func tensorScatter(c *call) []*tensor.Tensor {
	cache, update := c.input(0), c.input(1)
	require(cache.DType == update.DType && len(cache.Shape) >= 2 && len(cache.Shape) == len(update.Shape), "cache %v and update %v do not suit", cache, update)
	a := axis(c.int("axis", -2), len(cache.Shape))
	require(a > 0, "the axis is that of the batch")
	want := slices.Clone(cache.Shape)
	want[a] = update.Shape[a]
	require(slices.Equal(want, update.Shape) && want[a] <= cache.Shape[a], "cache %v and update %v do not suit", cache, update)
	require(!c.has(2) || slices.Equal(c.indexes(2).Shape, cache.Shape[:1]), "places %v do not suit %v", c.opt(2), cache)
	mode := attr(c, "mode", "linear")
	require(mode == "linear" || mode == "circular", "mode=%q", mode)
	return one(c.result(cache.DType, cache.Shape, func() any {
		first := make([]int64, cache.Shape[0])
		if c.has(2) {
			copy(first, intsOf(c.in[2]))
		}
		index := sequence(tensor.Len(cache.Shape))
		st := strides(update.Shape)
		for i, to := range view(update.Shape, strides(cache.Shape), 0) {
			k, at := i/st[a]%update.Shape[a], first[i/st[0]]
			at = (at%maxInt32 + int64(k))
			if mode == "circular" {
				at %= int64(cache.Shape[a])
			}
			to += (wrapped(at, cache.Shape[a]) - k) * strides(cache.Shape)[a]
			index[to] = len(index) + i
		}
		return pick(join([]*tensor.Tensor{cache, update}), index, nil)
	}))
}
