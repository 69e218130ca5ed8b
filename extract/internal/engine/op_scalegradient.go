package engine

import "featstore/extract/internal/engine/exec"

// A scaleGradient adds to the gradients of a layer normalisation's scale and shift:
// in[0] is dy, in[1] the input of the normalisation.
type scaleGradient struct {
	norm *rowwise

	rowOrder
	backwardOnly
	noHalo
	noCost
}

func (*scaleGradient) name() string { return "gradient of scale and shift" }

func (g *scaleGradient) emit(p *planner, n *node) {
	s := &exec.ScaleGradient{Scale: g.norm.trainedScale.gradient(), Shift: g.norm.trainedShift.gradient(), Epsilon: g.norm.epsilon, Dy: n.in[0].view,
		At: n.in[1].view}
	p.emit(n.label, s, s.Dy, s.At)
}
