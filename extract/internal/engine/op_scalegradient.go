package engine

// A scaleGradient adds to the gradients of a layer normalisation's scale and shift:
// in[0] is dy, in[1] the input of the normalisation.
type scaleGradient struct {
	norm *rowwise
	rowGradient
}

func (*scaleGradient) name() string { return "gradient of scale and shift" }

func (g *scaleGradient) emit(p *planner, n *node) {
	s := &scaleGradientStep{scale: g.norm.trainedScale, shift: g.norm.trainedShift, epsilon: g.norm.epsilon, dy: n.in[0].view, at: n.in[1].view}
	p.emit(n.label, s, s.dy, s.at)
}
