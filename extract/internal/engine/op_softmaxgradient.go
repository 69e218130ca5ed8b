package engine

// A softmaxGradient is factor·y·(dy − Σ dy·y) along the last axis: in[1] is y.
type softmaxGradient struct {
	factor float32
	rowGradient
}

func (*softmaxGradient) name() string { return "gradient of softmax" }

func (g *softmaxGradient) emit(p *planner, n *node) {
	s := &rowGradientStep{factor: g.factor, dy: n.in[0].view, at: n.in[1].view, out: n.out[0].view}
	p.emit(n.label, s, s.dy, s.at, s.out)
}
