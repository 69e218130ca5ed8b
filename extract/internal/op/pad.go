package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// pad grows (or, with negative pads, first cuts) a tensor at both ends of its axes.
// Pads and value are attributes before opset 11, then inputs.
func pad(c *call) []*tensor.Tensor {
	x := c.input(0)
	rank := len(x.Shape)
	pads, fill := c.padInputs(x, rank)
	mode := attr(c, "mode", "constant")
	shape := slices.Clone(x.Shape)
	for d := range shape {
		shape[d] += pads[d] + pads[rank+d]
		require(shape[d] >= 0, "pads %v leave nothing of %v", pads, x.Shape)
	}
	from := make([][]int, rank) // for each axis, the input place of each output place
	c.check(shape)
	for d := range shape {
		from[d] = make([]int, shape[d])
		cut := max(-pads[d], 0)
		left := x.Shape[d] - cut - max(-pads[rank+d], 0)
		require(left > 0 || shape[d] == 0 || mode == "constant", "pads %v of %v: nothing to repeat", pads, x.Shape)
		for o := range from[d] {
			if i := padSource(mode, o-max(pads[d], 0), left); i >= 0 {
				from[d][o] = cut + i
			} else {
				from[d][o] = -1
			}
		}
	}
	return one(c.result(x.DType, shape, func() any {
		if tensor.Len(shape) == 0 {
			return zeros(x.DType, 0)
		}
		return pick(x, crossed(from, strides(x.Shape)), fill)
	}))
}

// padInputs returns the pads, first those before all axes, then those behind, and
// the fill value, nil for zero.
func (c *call) padInputs(x *tensor.Tensor, rank int) (pads []int, fill *tensor.Tensor) {
	if c.opset < 11 {
		name := "pads"
		if c.opset < 2 {
			name = "paddings"
		}
		pads = c.list(name)
		require(len(pads) == 2*rank, "pads %v do not suit %v", pads, x.Shape)
		v := c.real("value", 0)
		require(v == 0 || isFloat(x.DType), "a fill value for %v", x.DType)
		if v != 0 {
			fill = constant(x.DType, v, 0)
		}
		return pads, fill
	}
	given, list := c.ints(1), sequence(rank)
	if c.has(3) {
		list = axes(c.ints(3), rank)
	}
	require(len(given) == 2*len(list), "pads %v do not suit %d axes", given, len(list))
	pads = make([]int, 2*rank)
	for i, d := range list {
		pads[d], pads[rank+d] = given[i], given[len(list)+i]
	}
	fill = c.opt(2)
	require(fill == nil || fill.DType == x.DType && tensor.Len(fill.Shape) == 1, "the fill value %v does not suit %v", fill, x)
	return pads, fill
}

// padSource is the place of n that place i before, in or behind them shows, or -1.
func padSource(mode string, i, n int) int {
	switch mode {
	case "constant":
		if i < 0 || i >= n {
			return -1
		}
		return i
	case "edge":
		return min(max(i, 0), n-1)
	case "wrap":
		return ((i % n) + n) % n
	case "reflect": // back and forth, without repeating the ends
		if n == 1 {
			return 0
		}
		period := 2 * (n - 1)
		i = ((i % period) + period) % period
		return min(i, period-i)
	}
	unsupported("mode=%q", mode)
	return -1
}

// crossed lists the flat indexes of all combinations of places along the axes; a
// place of -1 makes the index -1.
func crossed(places [][]int, stride []int) []int {
	out := []int{0}
	for d, list := range places {
		next := make([]int, 0, len(out)*len(list))
		for _, base := range out {
			for _, p := range list {
				if base < 0 || p < 0 {
					next = append(next, -1)
				} else {
					next = append(next, base+p*stride[d])
				}
			}
		}
		out = next
	}
	return out
}

// centerCropPad cuts or pads each axis to the given size, evenly on both sides.
func centerCropPad(c *call) []*tensor.Tensor {
	x, want := c.input(0), c.ints(1)
	list := sequence(len(x.Shape))
	if c.hasAttr("axes") {
		list = axes(c.list("axes"), len(x.Shape))
	}
	require(len(want) == len(list), "sizes %v for %d axes", want, len(list))
	shape := slices.Clone(x.Shape)
	places := make([][]int, len(shape))
	for i, d := range list {
		require(want[i] >= 0, "size %d", want[i])
		shape[d] = want[i]
	}
	c.check(shape)
	for d, n := range x.Shape {
		shift := (n - shape[d]) / 2 // towards zero: the odd one is cut or padded behind
		places[d] = make([]int, shape[d])
		for o := range places[d] {
			places[d][o] = padSource("constant", o+shift, n)
		}
	}
	return one(c.moved(x, shape, func() []int { return crossed(places, strides(x.Shape)) }))
}
