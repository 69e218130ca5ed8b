package engine

import "featstore/extract/internal/engine/exec"

// A softmaxGradient is factor·y·(dy − Σ dy·y) along the last axis: in[1] is y.
type softmaxGradient struct {
	factor float32

	rowOrder
	backwardOnly
	noHalo
	noCost
}

func (*softmaxGradient) name() string { return "gradient of softmax" }

func (g *softmaxGradient) emit(p *planner, n *node) {
	s := &exec.RowGradient{Factor: g.factor, Dy: n.in[0].view, At: n.in[1].view, Out: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.At, s.Out)
}
