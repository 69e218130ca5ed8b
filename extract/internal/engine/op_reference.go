package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
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
	s := &exec.Reference{Src: r.src, Opset: r.opset}
	var touched []*memory.View
	for _, v := range n.in {
		o := p.operand(v)
		s.In, touched = append(s.In, o), append(touched, o.View)
	}
	for _, v := range n.out {
		o := p.operand(v)
		s.Out, touched = append(s.Out, o), append(touched, o.View)
	}
	p.stats.References = append(p.stats.References, n.label)
	p.emit(n.label, s, touched...)
}

func (p *planner) operand(v *value) exec.Operand {
	switch {
	case v == nil:
		return exec.Operand{None: true}
	case v.constant != nil:
		return exec.Operand{Constant: p.constant(v)}
	case v.view != nil:
		return exec.Operand{View: v.view, Shape: v.shape, Integer: v.integer}
	}
	slot, ok := p.slots[v]
	if !ok {
		slot = len(p.slots)
		p.slots[v] = slot
	}
	return exec.Operand{Slot: slot}
}

// constant returns a constant in memory of its own, not in that of the model's file,
// all of which a part of it would hold.
func (p *planner) constant(v *value) *tensor.Tensor {
	if t := p.constants[v]; t != nil {
		return t
	}
	t := v.constant.Clone()
	p.constants[v] = t
	p.stats.WeightBytes += tensor.Len(t.Shape) * t.DType.Size()
	return t
}
