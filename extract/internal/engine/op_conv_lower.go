package engine

import (
	"math"
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
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
	c := &conv{axis: 1, ConvShape: exec.ConvShape{CIn: x.shape[1], COut: w.shape[0], Group: src.Int("group", 1), Act: kernel.Activation{},
		KH: win.Kernel[0], KW: win.Kernel[1], SH: win.Stride[0], SW: win.Stride[1], DH: win.Dilation[0], DW: win.Dilation[1], Pad: win.Pad}}
	if c.Group < 1 || c.CIn%c.Group != 0 || c.COut%c.Group != 0 || w.shape[1] != c.CIn/c.Group || negative(c.Pad) {
		return nil
	}
	c.Bias = make([]float32, c.COut)
	if len(n.in) > 2 && n.in[2] != nil {
		b, ok := floats(n.in[2])
		if !ok || len(b) != c.COut {
			return nil
		}
		copy(c.Bias, b)
	}
	c.weight = exec.ChannelsLast(weights, c.COut, c.CIn/c.Group, c.KH*c.KW)
	n.keep(x)
	return c
}

func negative(b memory.Borders) bool { return min(b.Top, b.Left, b.Bottom, b.Right) < 0 }

func hasZero(shape []int) bool { return slices.Contains(shape, 0) }

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
		s := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+eps)
		scale[i], shift[i] = float32(s), float32(float64(p[1][i])-float64(float64(p[2][i])*s))
	}
	n.keep(n.in[0])
	return scaleShift(1, scale, shift)
}

// scaleShift is x·scale + shift by channel.
func scaleShift(axis int, scale, shift []float32) *conv {
	c := len(scale)
	return &conv{axis: axis, ConvShape: exec.ConvShape{CIn: c, COut: c, Group: c, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1, Bias: shift}, weight: scale}
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
		weights = exec.ChannelsLast(weights, 1, k, cout) // [K][N] to [N][K]
	}
	if bias == nil {
		bias = make([]float32, cout)
	}
	n.keep(x)
	return &conv{axis: len(x.shape) - 1, weight: weights,
		ConvShape: exec.ConvShape{CIn: k, COut: cout, Group: 1, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1, Bias: slices.Clone(bias)}}
}
