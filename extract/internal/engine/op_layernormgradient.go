package engine

import "featstore/extract/internal/engine/exec"

// A layerNormGradient takes dy back through layer normalisation: in[1] is its input.
type layerNormGradient struct {
	norm *rowwise

	rowOrder
	backwardOnly
	noHalo
	noCost
}

func (*layerNormGradient) name() string { return "gradient of layer normalization" }

func (g *layerNormGradient) emit(p *planner, n *node) {
	s := &exec.RowGradient{Scale: g.norm.scale, Epsilon: g.norm.epsilon, Dy: n.in[0].view, At: n.in[1].view, Out: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.At, s.Out)
}
