package engine

import (
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A reference is an operation without a fast step: the graph's own node, for
// package op. It works in the model's own order of axes.
type reference struct {
	src   *graph.Node
	opset int64

	noConstants
	stopsTranspose
	noHalo
	separateInputs
	sharedResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noGradient
}

func (*reference) name() string { return "reference" }

func (*reference) assignOrders(a *orders, n *node) {
	for i, v := range n.in {
		if v != nil {
			a.need(n, i, identityOrder(len(v.shape)))
		}
	}
	for _, v := range n.out {
		if v.dtype == tensor.Float32 {
			v.order = identityOrder(len(v.shape))
		}
	}
}

func (r *reference) emit(p *planner, n *node) {
	s := &referenceStep{src: r.src, opset: r.opset}
	var touched []*view
	for _, v := range n.in {
		o := p.operand(v)
		s.in, touched = append(s.in, o), append(touched, o.view)
	}
	for _, v := range n.out {
		o := p.operand(v)
		s.out, touched = append(s.out, o), append(touched, o.view)
	}
	p.stats.References = append(p.stats.References, n.label)
	p.emit(n.label, s, touched...)
}
