package engine

import "featstore/extract/internal/engine/exec"

// A constantGradient adds dy, in[0], to the gradient of the parameter that a constant
// operand of dy's shape follows from.
type constantGradient struct {
	constant *trainedConstant

	keepsInput
	backwardOnly
	noHalo
	noCost
}

func (*constantGradient) name() string { return "gradient of a constant" }

func (g *constantGradient) emit(p *planner, n *node) {
	dy := n.in[0]
	s := &exec.ConstantGradient{Elements: g.constant.elements(dy.shape, dy.order), Gradient: g.constant.param.Gradient, Dy: dy.view}
	p.emit(n.label, s, s.Dy)
}
