package engine

import "featstore/extract/internal/engine/exec"

// An lrnGradient takes dy back through local response normalisation: in[1] is its input.
// With s = bias + alpha/size·Σ x² and y = x·s^−beta it is
// dy·s^−beta − 2·alpha·beta/size · x · Σ dy·x·s^(−beta−1), the sum over the channels
// whose windows have this one.
type lrnGradient struct {
	lrn *lrn

	channelsInnermost
	backwardOnly
	noHalo
	noCost
}

func (*lrnGradient) name() string { return "gradient of local response normalization" }

func (g *lrnGradient) emit(p *planner, n *node) {
	s := &exec.LRNGradient{Channels: g.lrn.size, Alpha: g.lrn.alpha, Beta: g.lrn.beta, Bias: g.lrn.bias, Dy: n.in[0].view, X: n.in[1].view, Dx: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.X, s.Dx)
}
