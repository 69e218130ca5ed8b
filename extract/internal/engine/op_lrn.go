package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
)

// An lrn is local response normalisation over neighbouring channels.
type lrn struct {
	size              int
	alpha, beta, bias float32

	channelsInnermost
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	sharedResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noParameters
}

func lowerLRN(n *node, src *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || len(n.in[0].shape) < 3 || hasZero(n.in[0].shape) {
		return nil
	}
	return &lrn{size: src.Int("size", 1), alpha: src.Float("alpha", 1e-4), beta: src.Float("beta", 0.75), bias: src.Float("bias", 1)}
}

func (*lrn) name() string { return "local response normalization" }

func (l *lrn) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.LRN{Channels: l.size, Alpha: l.alpha, Beta: l.beta, Bias: l.bias, In: in, Out: out}, in, out)
}

func (l *lrn) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], b.add(&lrnGradient{lrn: l}, n.in[0].shape, dy, n.in[0]))
	return nil
}
