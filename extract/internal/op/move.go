package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// transpose permutes the axes, reversing them by default.
func transpose(c *call) []*tensor.Tensor {
	x := c.input(0)
	perm := c.list("perm")
	if perm == nil {
		perm = sequence(len(x.Shape))
		slices.Reverse(perm)
	}
	return one(c.permuted(x, perm))
}

func (c *call) permuted(x *tensor.Tensor, perm []int) *tensor.Tensor {
	require(len(perm) == len(x.Shape), "perm %v does not suit %v", perm, x.Shape)
	perm = axes(perm, len(x.Shape))
	from := strides(x.Shape)
	shape, st := make([]int, len(perm)), make([]int, len(perm))
	for d, p := range perm {
		shape[d], st[d] = x.Shape[p], from[p]
	}
	return c.moved(x, shape, func() []int { return view(shape, st, 0) })
}

// concat joins tensors of one type along an axis.
func concat(c *call) []*tensor.Tensor {
	first := c.input(0)
	def := 1 // before opset 4
	require(c.hasAttr("axis") || c.opset < 4, "the attribute \"axis\" is missing")
	a := axis(c.int("axis", def), len(first.Shape))
	shape := slices.Clone(first.Shape)
	shape[a] = 0
	for i := range c.in {
		x := c.input(i)
		require(x.DType == first.DType, "inputs of types %v and %v", first.DType, x.DType)
		other := slices.Clone(x.Shape)
		require(len(other) == len(shape), "inputs of shapes %v and %v", first.Shape, x.Shape)
		shape[a] += other[a]
		other[a] = first.Shape[a]
		require(slices.Equal(other, first.Shape), "inputs of shapes %v and %v", first.Shape, x.Shape)
	}
	return one(c.result(first.DType, shape, func() any {
		outer, n, inner := lanes(shape, a)
		index := make([]int, outer*n*inner)
		place, base := 0, 0 // along the axis of the result; in the joined values
		for _, x := range c.in {
			run := x.Shape[a] * inner
			for o := range outer {
				for i := range run {
					index[(o*n+place)*inner+i] = base + o*run + i
				}
			}
			place += x.Shape[a]
			base += outer * run
		}
		return pick(join(c.in), index, nil)
	}))
}

// split cuts an axis into parts: of the sizes given (an attribute before opset 13,
// then an input), or equal ones, of which the last may be smaller since opset 18.
func split(c *call) []*tensor.Tensor {
	x := c.input(0)
	require(len(x.Shape) >= 1, "the input is a scalar")
	a := axis(c.int("axis", 0), len(x.Shape))
	sizes := c.splitSizes(x.Shape[a])
	out := make([]*tensor.Tensor, len(sizes))
	from := 0
	for i, n := range sizes {
		out[i] = c.sliced(x, a, from, n)
		from += n
	}
	return out
}

func (c *call) splitSizes(n int) []int {
	var sizes []int
	switch {
	case c.has(1):
		sizes = c.ints(1)
	case c.hasAttr("split"):
		sizes = c.list("split")
	default:
		parts := c.int("num_outputs", len(c.Outputs))
		require(parts >= 1 && parts <= max(len(c.Outputs), 1), "num_outputs is %d, the node names %d", parts, len(c.Outputs))
		require(n%parts == 0 || c.opset >= 18, "%d does not split into %d equal parts", n, parts)
		each := (n + parts - 1) / parts
		for rest := n; len(sizes) < parts; rest -= each {
			sizes = append(sizes, min(max(rest, 0), each))
		}
	}
	sum := 0
	for _, s := range sizes {
		require(s >= 0, "split %v has a negative size", sizes)
		sum += s
	}
	require(sum == n, "split %v does not add up to %d", sizes, n)
	return sizes
}

// sliced is the part from, from+1, … of length n along an axis.
func (c *call) sliced(x *tensor.Tensor, a, from, n int) *tensor.Tensor {
	shape := slices.Clone(x.Shape)
	shape[a] = n
	st := strides(x.Shape)
	return c.moved(x, shape, func() []int { return view(shape, st, from*st[a]) })
}

// slice takes every step-th element from start to end along axes, as Python's
// slices do; attributes before opset 10, then inputs.
func slice(c *call) []*tensor.Tensor {
	x := c.input(0)
	var starts, ends, steps []int64
	var list []int
	if c.opset < 10 {
		starts, ends, list = attr[[]int64](c, "starts", nil), attr[[]int64](c, "ends", nil), c.list("axes")
	} else {
		starts, ends = c.longs(1), c.longs(2)
		if c.has(3) {
			list = c.ints(3)
		}
		if c.has(4) {
			steps = c.longs(4)
		}
	}
	if list == nil {
		list = sequence(len(starts))
	}
	require(len(ends) == len(starts) && len(list) == len(starts) && (steps == nil || len(steps) == len(starts)),
		"starts, ends, axes and steps are of different lengths")
	shape, st, base := slices.Clone(x.Shape), strides(x.Shape), 0
	for i, a := range axes(list, len(x.Shape)) {
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		from, n, by := span(starts[i], ends[i], step, x.Shape[a])
		shape[a] = n
		base += from * st[a]
		st[a] *= by
	}
	return one(c.moved(x, shape, func() []int { return view(shape, st, base) }))
}

// span is the first index, the number of elements and the step of a slice of a
// dimension. Unlike in Python, a start before the first element is the first also
// when stepping backwards.
func span(start, end, step int64, dim int) (from, n, by int) {
	require(step != 0, "a slice has step 0")
	d := int64(dim)
	step = min(max(step, -maxInt32), maxInt32) // as good as any larger
	clamp := func(v, lo, hi int64) int64 {
		if v < 0 {
			v += d
		}
		return min(max(v, lo), hi)
	}
	switch {
	case d == 0:
		return 0, 0, int(step)
	case step > 0:
		start, end = clamp(start, 0, d), clamp(end, 0, d)
		return int(start), int(max(end-start+step-1, 0) / step), int(step)
	}
	start, end = clamp(start, 0, d-1), clamp(end, -1, d-1)
	return int(start), int(max(start-end-step-1, 0) / -step), int(step)
}

// expand broadcasts to the shape in the second input.
func expand(c *call) []*tensor.Tensor {
	x, want := c.input(0), c.ints(1)
	for _, d := range want {
		require(d >= 0, "shape %v has a negative dimension", want)
	}
	require(len(want) <= maxRank, "a result with %d dimensions: %w", len(want), ErrLimit)
	shape := broadcast(x.Shape, want)
	return one(c.moved(x, shape, func() []int { return view(shape, stretchedStrides(x.Shape, shape), 0) }))
}

// tile repeats the tensor along each axis.
func tile(c *call) []*tensor.Tensor {
	x, repeats := c.input(0), c.ints(1)
	require(len(repeats) == len(x.Shape), "repeats %v do not suit %v", repeats, x.Shape)
	var shape, both, st []int // both: repeat, then place, for each axis
	for d, s := range strides(x.Shape) {
		require(repeats[d] >= 0, "repeats %v are negative", repeats)
		shape = append(shape, tensor.Len([]int{repeats[d], x.Shape[d]}))
		both, st = append(both, repeats[d], x.Shape[d]), append(st, 0, s)
	}
	return one(c.moved(x, shape, func() []int { return view(both, st, 0) }))
}

// depthToSpace moves blocks of channels into b×b places.
func depthToSpace(c *call) []*tensor.Tensor {
	x := c.ranked(0, 4, 4)
	b := c.int("blocksize", 0)
	n, ch, h, w := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	require(b >= 1 && b < 1<<15 && ch%(b*b) == 0, "blocksize %d does not suit %d channels", b, ch)
	deep := ch / (b * b)
	split, perm := []int{n, b, b, deep, h, w}, []int{0, 3, 4, 1, 5, 2}
	switch mode := attr(c, "mode", "DCR"); mode {
	case "DCR":
	case "CRD":
		split, perm = []int{n, deep, b, b, h, w}, []int{0, 1, 4, 2, 5, 3}
	default:
		unsupported("mode=%q", mode)
	}
	y := c.permuted(c.reshaped(x, split), perm)
	return one(c.reshaped(y, []int{n, deep, h * b, w * b}))
}

// spaceToDepth moves b×b places into blocks of channels.
func spaceToDepth(c *call) []*tensor.Tensor {
	x := c.ranked(0, 4, 4)
	b := c.int("blocksize", 0)
	n, ch, h, w := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	require(b >= 1 && b < 1<<15 && h%b == 0 && w%b == 0, "blocksize %d does not suit %v", b, x.Shape)
	perm := []int{0, 3, 5, 1, 2, 4}
	switch mode := attr(c, "mode", "DCR"); mode { // since opset 28
	case "DCR":
	case "CRD":
		perm = []int{0, 1, 3, 5, 2, 4}
	default:
		unsupported("mode=%q", mode)
	}
	y := c.permuted(c.reshaped(x, []int{n, ch, h / b, b, w / b, b}), perm)
	return one(c.reshaped(y, []int{n, ch * b * b, h / b, w / b}))
}
