package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

var moreGrowers = []func(g *grower, f feature) feature{
	growWide, growWide, growGrouped, growGrouped, growTranspose, growReshape, growEinsum, growEinsum, growHeads, growHeads,
	growLayerNorm, growWindow, growNumbers, growNumbers, growNumbers, growGroupNorm,
}

// growWide adds a 3×3 convolution of many channels, with and without stride: what
// Winograd and the packed kernels are for.
func growWide(g *grower, f feature) feature {
	if f.h < 3 || f.w < 3 {
		return feature{}
	}
	in, out, stride := 16+g.pick(33), 16+g.pick(49), 1+g.pick(2)
	x := g.conv(f.name, f.c, in, 1, 1, nil)
	if g.pick(2) == 0 {
		x = g.add("Relu", nil, x)
	}
	attrs := map[string]graph.Attr{"strides": ints(int64(stride), int64(stride)), "pads": ints(1, 1, 1, 1)}
	return feature{g.conv(x, in, out, 3, 1, attrs), out, (f.h-1)/stride + 1, (f.w-1)/stride + 1}
}

// growGrouped adds a convolution of several groups, narrow and wide ones.
func growGrouped(g *grower, f feature) feature {
	groups, each, out := []int{2, 4, 8, 32}[g.pick(4)], []int{2, 4, 5, 8, 16}[g.pick(5)], []int{2, 4, 6, 8, 16}[g.pick(5)]
	x := g.conv(f.name, f.c, groups*each, 1, 1, nil)
	return g.window(feature{x, groups * each, f.h, f.w}, []int{1, 3}[g.pick(2)], groups*out, groups)
}

// growTranspose exchanges channels, height and width.
func growTranspose(g *grower, f feature) feature {
	size := []int{1, f.c, f.h, f.w}
	perm := [][]int64{{0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}}[g.pick(5)]
	return feature{g.add("Transpose", map[string]graph.Attr{"perm": perm}, f.name), size[perm[1]], size[perm[2]], size[perm[3]]}
}

// growReshape moves a factor from one axis to another, over a flat form or not.
func growReshape(g *grower, f feature) feature {
	size := []int{f.c, f.h, f.w}
	from, to := g.pick(3), g.pick(3)
	factor := []int{2, 3, size[from]}[g.pick(3)]
	if size[from]%factor != 0 || from != to && size[to]*factor > 60 {
		return feature{}
	}
	size[from] /= factor
	size[to] *= factor
	x := f.name
	if g.pick(3) == 0 {
		x = g.add("Tanh", nil, g.add("Flatten", nil, x))
	}
	return feature{g.add("Reshape", nil, x, g.ints(0, int64(size[0]), int64(size[1]), int64(size[2]))), size[0], size[1], size[2]}
}

// growEinsum adds a product with weights or of two values.
func growEinsum(g *grower, f feature) feature {
	einsum := func(equation string, in ...string) string {
		return g.add("Einsum", map[string]graph.Attr{"equation": equation}, in...)
	}
	out := 1 + g.pick(20)
	switch g.pick(6) {
	case 0:
		return feature{einsum("bchw,ck->bkhw", f.name, g.weights(f.c, out)), out, f.h, f.w}
	case 1:
		return feature{einsum("ok,bchk->bcho", g.weights(out, f.w), f.name), f.c, f.h, out}
	case 2:
		return feature{einsum("bchw,hwk->bkc", f.name, g.weights(f.h, f.w, out)), 0, 0, 0}.as(g, out, f.c, 1)
	case 3: // of every row with every other row
		return feature{einsum("bchw,bckw->bchk", f.name, g.add("Tanh", nil, f.name)), f.c, f.h, f.h}
	case 4: // relative positions: other weights for every row
		return feature{einsum("bchw,hkc->bkhw", f.name, g.weights(f.h, out, f.c)), out, f.h, f.w}
	}
	return feature{einsum("bchw,bdhw->bcd", f.name, g.add("Sigmoid", nil, f.name)), 0, 0, 0}.as(g, f.c, f.c, 1)
}

// as gives a feature with the batch and two more axes the shape of an image.
func (f feature) as(g *grower, c, h, w int) feature {
	return feature{g.add("Reshape", nil, f.name, g.ints(0, int64(c), int64(h), int64(w))), c, h, w}
}

// growHeads adds attention of several heads over the pixels: written out, or as the
// operator.
func growHeads(g *grower, f feature) feature {
	tokens, heads, d := f.h*f.w, 1+g.pick(3), []int{4, 8, 12}[g.pick(3)]
	if tokens > 150 {
		return feature{}
	}
	x := g.transpose(g.add("Reshape", nil, f.name, g.ints(0, int64(f.c), -1)), 0, 2, 1)
	x = g.add("LayerNormalization", map[string]graph.Attr{"axis": int64(-1), "epsilon": float32(0.1)}, x, g.positive(f.c),
		g.weights(f.c)) // else scores are of any size
	q, k, v := g.project(x, f.c, heads*d), g.project(x, f.c, heads*d), g.project(x, f.c, heads*d)
	var y string
	if g.pick(3) == 0 {
		g.Opsets[""] = 23
		y = g.add("Attention", map[string]graph.Attr{"q_num_heads": int64(heads), "kv_num_heads": int64(heads)}, q, k, v)
	} else {
		split := func(x string, perm ...int64) string {
			return g.transpose(g.add("Reshape", nil, x, g.ints(0, int64(tokens), int64(heads), int64(d))), perm...)
		}
		scores := g.add("Mul", nil, g.add("MatMul", nil, split(q, 0, 2, 1, 3), split(k, 0, 2, 3, 1)), g.constant(tensor.New([]float32{0.4})))
		if g.pick(2) == 0 {
			scores = g.add("Add", nil, scores, g.weights(1, heads, tokens, tokens))
		}
		y = g.add("MatMul", nil, g.add("Softmax", map[string]graph.Attr{"axis": int64(-1)}, scores), split(v, 0, 2, 1, 3))
		y = g.add("Reshape", nil, g.transpose(y, 0, 2, 1, 3), g.ints(0, int64(tokens), int64(heads*d)))
	}
	y = g.transpose(g.project(y, heads*d, f.c), 0, 2, 1)
	if g.pick(2) == 0 {
		y = g.add("Add", nil, y, g.add("Reshape", nil, f.name, g.ints(0, int64(f.c), -1)))
	}
	return feature{name: y}.as(g, f.c, f.h, f.w)
}

// project multiplies tokens by weights, sometimes with a bias.
func (g *grower) project(x string, in, out int) string {
	w := g.Initializers[g.weights(out, in)]
	y := g.add("MatMul", nil, x, g.constant(tensor.New(tensor.Values[float32](w), in, out)))
	if g.pick(2) == 0 {
		return g.add("Add", nil, y, g.weights(out))
	}
	return y
}

// growLayerNorm normalises or takes the softmax of rows or of channels.
func growLayerNorm(g *grower, f feature) feature {
	x, size := f.name, f.w
	channels := g.pick(2) == 0
	if channels {
		x, size = g.transpose(x, 0, 2, 3, 1), f.c
	}
	if g.pick(2) == 0 {
		x = g.add("Softmax", map[string]graph.Attr{"axis": int64(-1)}, x)
	} else {
		x = g.add("LayerNormalization", map[string]graph.Attr{"axis": int64(-1), "epsilon": float32(0.1)}, x, g.positive(size), g.weights(size))
	}
	if channels {
		x = g.transpose(x, 0, 3, 1, 2)
	}
	return feature{x, f.c, f.h, f.w}
}

// growWindow cuts a part out of an image, of two axes at once, or turns it round.
func growWindow(g *grower, f feature) feature {
	y, x := g.pick(f.h), g.pick(f.w)
	h, w := f.h-y-g.pick(f.h-y), f.w-x-g.pick(f.w-x)
	part := func(y, x, h, w int) string {
		return g.add("Slice", nil, f.name, g.ints(int64(y), int64(x)), g.ints(int64(y+h), int64(x+w)), g.ints(2, 3))
	}
	if g.pick(2) == 0 {
		return feature{part(y, x, h, w), f.c, h, w}
	}
	if y == 0 {
		return feature{}
	}
	parts := []string{part(y, 0, f.h-y, f.w), part(0, 0, y, f.w)}
	if g.pick(2) == 0 {
		slices.Reverse(parts)
	}
	return feature{g.add("Concat", map[string]graph.Attr{"axis": int64(2)}, parts...), f.c, f.h, f.w}
}

// growGroupNorm normalises groups of channels, or each channel, with the operator or as
// exporters write it out.
func growGroupNorm(g *grower, f feature) feature {
	attrs := map[string]graph.Attr{"epsilon": float32(0.1)}
	if g.pick(2) == 0 {
		return feature{g.add("InstanceNormalization", attrs, f.name, g.positive(f.c), g.weights(f.c)), f.c, f.h, f.w}
	}
	groups := 1 + g.pick(f.c)
	for f.c%groups != 0 {
		groups--
	}
	x := g.add("Reshape", nil, f.name, g.ints(0, int64(groups), -1))
	x = g.add("InstanceNormalization", attrs, x, g.filled(1, groups), g.filled(0, groups))
	x = g.add("Reshape", nil, x, g.ints(0, int64(f.c), int64(f.h), int64(f.w)))
	x = g.add("Add", nil, g.add("Mul", nil, x, g.positive(f.c, 1, 1)), g.weights(f.c, 1, 1))
	return feature{x, f.c, f.h, f.w}
}
