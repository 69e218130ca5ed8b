package engine

import "featstore/extract/internal/engine/exec"

// A reorder copies its input to another order of axes in memory. It is inserted by
// assignOrders, which has set the order of its result.
type reorder struct {
	noConstants
	stopsTranspose
	noHalo
	sharedResult
	neverView
	noEpilogue
	noCost
	noGradient
}

func (*reorder) name() string { return "reordering" }

func (*reorder) assignOrders(*orders, *node) {}

func (*reorder) placeInputs(p *placement, n *node) {
	if sameBytes(n.in[0].order, n.out[0].order, n.out[0].shape) {
		p.alias(n.in[0], n.out[0].view)
	}
}

func (*reorder) byteForm(*byteForms, *node) (operation, *quantParams) { return nil, nil }

func (*reorder) wantsBytes(*byteForms, *node) bool { return false }

func (*reorder) readsBytes(n *node) bool { return n.out[0].quant != nil }

func (*reorder) emit(p *planner, n *node) {
	in, out := n.in[0], n.out[0]
	if sameBytes(in.order, out.order, in.shape) {
		p.copy(n.label, in.view, out.view)
		return
	}
	s := &exec.Permute{In: in.view, Out: out.view, Shape: in.shape, From: in.order, To: out.order}
	p.emit(n.label, s, in.view, out.view)
}

// reorderTo reports whether n is a reorder to the given order of axes.
func reorderTo(n *node) ([]int, bool) {
	if _, ok := n.op.(*reorder); !ok {
		return nil, false
	}
	return n.out[0].order, true
}
