package engine

import (
	"featstore/extract/internal/graph"
)

// A reshape keeps the elements in their logical order.
type reshape struct {
	noConstants
	stopsTranspose
	noHalo
	sharedResult
	noEpilogue
	noCost
	noParameters
}

func (*reshape) name() string { return "reshape" }

func (*reshape) assignOrders(a *orders, n *node) {
	out := n.out[0]
	if out.order = reshapedOrder(n.in[0], out.shape); out.order == nil {
		a.need(n, 0, gatheredOrder(n.in[0], out.shape))
		out.order = reshapedOrder(n.in[0], out.shape)
	}
	if out.order == nil {
		a.all(n, identityOrder(len(n.in[0].shape)))
		out.order = identityOrder(len(out.shape))
	}
}

func (*reshape) placeInputs(p *placement, n *node) { p.alias(n.in[0], n.out[0].view) }

func (r *reshape) asView() viewOperation { return r }

func (*reshape) isView(n *node, ofView bool) bool {
	return ofView && reshapedOrder(n.in[0], n.out[0].shape) != nil
}

func (*reshape) strides(n *node, from []int) (first int, stride []int) {
	return 0, reshapedStrides(n.in[0].shape, n.out[0].shape, from)
}

func (*reshape) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	return nil, n.in[0].quant
}

func (*reshape) wantsBytes(b *byteForms, n *node) bool { return b.wanted(n.out[0]) }

func (*reshape) readsBytes(n *node) bool { return n.out[0].quant != nil }

func (*reshape) emit(p *planner, n *node) { p.copy(n.label, n.in[0].view, n.out[0].view) }

func lowerReshape(n *node, _ *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) {
		return nil
	}
	n.keep(n.in[0])
	return &reshape{}
}

func (*reshape) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], b.add(&reshape{}, n.in[0].shape, dy))
	return nil
}
