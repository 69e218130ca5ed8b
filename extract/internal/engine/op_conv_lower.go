package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

func lowerConv(n *node, src *graph.Node, _ int64) operation {
	x, w := n.in[0], n.in[1]
	weights, ok := floats(w)
	rank := len(x.shape)
	if !ok || !dynamic(x) || rank < 3 || rank > 4 || len(w.shape) != rank || hasZero(x.shape) || hasZero(w.shape) {
		return nil
	}
	win := windowOf(src, x.shape, w.shape[2:])
	c := &conv{axis: 1, convShape: convShape{cin: x.shape[1], cout: w.shape[0], group: src.Int("group", 1), act: kernel.Activation{},
		kh: win.kernel[0], kw: win.kernel[1], sh: win.stride[0], sw: win.stride[1], dh: win.dilation[0], dw: win.dilation[1], pad: win.pad}}
	if c.group < 1 || c.cin%c.group != 0 || c.cout%c.group != 0 || w.shape[1] != c.cin/c.group || negative(c.pad) {
		return nil
	}
	c.bias = make([]float32, c.cout)
	if len(n.in) > 2 && n.in[2] != nil {
		b, ok := floats(n.in[2])
		if !ok || len(b) != c.cout {
			return nil
		}
		copy(c.bias, b)
	}
	c.weight = channelsLast(weights, c.cout, c.cin/c.group, c.kh*c.kw)
	n.keep(x)
	return c
}

func negative(b borders) bool { return min(b.top, b.left, b.bottom, b.right) < 0 }

func hasZero(shape []int) bool { return slices.Contains(shape, 0) }

// channelsLast turns weights [out][in][tap] into [out][tap][in].
func channelsLast(w []float32, out, in, taps int) []float32 {
	const block = 32 // both sides of a square that fits in the cache
	t := make([]float32, len(w))
	for o := range out {
		src, dst := w[o*in*taps:][:in*taps], t[o*in*taps:][:in*taps]
		for i0 := 0; i0 < in; i0 += block {
			for k0 := 0; k0 < taps; k0 += block {
				transpose32(dst, src, i0, min(i0+block, in), k0, min(k0+block, taps), in, taps)
			}
		}
	}
	return t
}

// transpose32 writes rows i0…i1 and columns k0…k1 of src as columns and rows of dst.
func transpose32(dst, src []float32, i0, i1, k0, k1, in, taps int) {
	for k := k0; k < k1; k++ {
		row := dst[k*in:][:in]
		at := i0*taps + k
		for i := i0; i < i1; i++ {
			row[i] = src[at]
			at += taps
		}
	}
}

func lowerBatchNorm(n *node, src *graph.Node, opset int64) operation {
	if !dynamic(n.in[0]) || len(n.in[0].shape) < 2 {
		return nil
	}
	if op.TrainingMode(src, opset) {
		return lowerTrainingNorm(n, src)
	}
	var p [4][]float32 // scale, bias, mean, variance
	for i := range p {
		var ok bool
		if p[i], ok = floats(n.in[i+1]); !ok || len(p[i]) != n.in[0].shape[1] {
			return nil
		}
	}
	eps := float64(src.Float("epsilon", 1e-5))
	scale, shift := make([]float32, len(p[0])), make([]float32, len(p[0]))
	for i := range scale {
		s := float64(p[0][i]) / sqrt(float64(p[3][i])+eps)
		scale[i], shift[i] = float32(s), float32(float64(p[1][i])-float64(p[2][i])*s)
	}
	n.keep(n.in[0])
	return scaleShift(1, scale, shift)
}

// scaleShift is x·scale + shift by channel.
func scaleShift(axis int, scale, shift []float32) *conv {
	c := len(scale)
	return &conv{axis: axis, convShape: convShape{cin: c, cout: c, group: c, kh: 1, kw: 1, sh: 1, sw: 1, dh: 1, dw: 1, bias: shift}, weight: scale}
}

func lowerGemm(n *node, src *graph.Node, _ int64) operation {
	if src.Int("transA", 0) != 0 || src.Float("alpha", 1) != 1 || len(n.in) < 2 || n.in[1] == nil || len(n.in[1].shape) != 2 {
		return nil
	}
	var bias []float32
	if len(n.in) > 2 && n.in[2] != nil {
		b, ok := floats(n.in[2])
		if !ok || src.Float("beta", 1) != 1 {
			return nil
		}
		out := n.out[0].shape[1]
		switch {
		case len(b) == out && tensor.Len(n.in[2].shape[:max(len(n.in[2].shape)-1, 0)]) == 1:
			bias = b
		case len(b) == 1:
			bias = slices.Repeat(b, out)
		default:
			return nil
		}
	}
	return fullyConnected(n, src.Int("transB", 0) != 0, bias)
}

// fullyConnected makes a product with the constant n.in[1], [K,N] or [N,K], along
// the last axis of n.in[0].
func fullyConnected(n *node, transposed bool, bias []float32) operation {
	x, w := n.in[0], n.in[1]
	weights, ok := floats(w)
	if !ok || !dynamic(x) || len(w.shape) != 2 || len(x.shape) < 2 || hasZero(x.shape) || hasZero(w.shape) {
		return nil
	}
	k, cout := w.shape[0], w.shape[1]
	if transposed {
		k, cout = cout, k
	} else {
		weights = channelsLast(weights, 1, k, cout) // [K][N] to [N][K]
	}
	if bias == nil {
		bias = make([]float32, cout)
	}
	n.keep(x)
	return &conv{axis: len(x.shape) - 1, weight: weights,
		convShape: convShape{cin: k, cout: cout, group: 1, kh: 1, kw: 1, sh: 1, sw: 1, dh: 1, dw: 1, bias: slices.Clone(bias)}}
}
