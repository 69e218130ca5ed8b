package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
)

// A batchNorm normalizes every channel by the mean and the variance of all of its
// values, as BatchNormalization does in training mode: (x−mean)/√(variance+ε)·scale + bias.
// With statistics that are known before it is a conv.
type batchNorm struct {
	scale, bias []float32
	epsilon     float32

	channelsInnermost
	noConstants
	stopsTranspose
	noHalo
	overwritesFirst
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noGradient // of its own statistics: those of a trained network are constant
}

// lowerTrainingNorm lowers a BatchNormalization in training mode of which only the
// first result is read.
func lowerTrainingNorm(n *node, src *graph.Node) operation {
	x := n.in[0]
	scale, ok := floats(n.in[1])
	bias, ok2 := floats(n.in[2])
	if c := x.shape[1]; !ok || !ok2 || len(scale) != c || len(bias) != c || hasZero(x.shape) || src.Int("spatial", 1) == 0 {
		return nil
	}
	n.keep(x)
	return &batchNorm{scale: slices.Clone(scale), bias: slices.Clone(bias), epsilon: src.Float("epsilon", 1e-5)}
}

func (*batchNorm) name() string { return "batch normalization" }

func (b *batchNorm) cost(*node) cost { return cost{params: len(b.scale) + len(b.bias)} }

func (b *batchNorm) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.stats.WeightBytes += 4 * (len(b.scale) + len(b.bias))
	p.emit(n.label, &exec.BatchNorm{Scale: b.scale, Bias: b.bias, Epsilon: b.epsilon, In: in, Out: out}, in, out)
}
