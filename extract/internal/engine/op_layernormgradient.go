package engine

// A layerNormGradient takes dy back through layer normalisation: in[1] is its input.
type layerNormGradient struct {
	norm *rowwise
	rowGradient
}

func (*layerNormGradient) name() string { return "gradient of layer normalization" }

func (g *layerNormGradient) emit(p *planner, n *node) {
	s := &rowGradientStep{scale: g.norm.scale, epsilon: g.norm.epsilon, dy: n.in[0].view, at: n.in[1].view, out: n.out[0].view}
	p.emit(n.label, s, s.dy, s.at, s.out)
}
