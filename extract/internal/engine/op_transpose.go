package engine

import (
	"slices"

	"featstore/extract/internal/graph"
)

// A transpose renames axes: axis i of the result is axis perm[i] of the input.
type transpose struct {
	perm []int

	noConstants
	stopsTranspose
	noHalo
	sharedResult
	noEpilogue
	noCost
	noParameters
}

func (*transpose) name() string { return "transpose" }

func (t *transpose) assignOrders(_ *orders, n *node) {
	n.out[0].order = make([]int, len(t.perm))
	for i, axis := range n.in[0].order {
		n.out[0].order[i] = slices.Index(t.perm, axis)
	}
}

func (*transpose) placeInputs(p *placement, n *node) { p.alias(n.in[0], n.out[0].view) }

func (t *transpose) asView() viewOperation { return t }

func (*transpose) isView(_ *node, ofView bool) bool { return ofView }

func (t *transpose) strides(_ *node, from []int) (first int, stride []int) {
	stride = make([]int, len(t.perm))
	for i, axis := range t.perm {
		stride[i] = from[axis]
	}
	return 0, stride
}

func (*transpose) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	return nil, n.in[0].quant
}

func (*transpose) wantsBytes(b *byteForms, n *node) bool { return b.wanted(n.out[0]) }

func (*transpose) readsBytes(n *node) bool { return n.out[0].quant != nil }

func (*transpose) emit(p *planner, n *node) { p.copy(n.label, n.in[0].view, n.out[0].view) }

// permutation returns that of a Transpose, nil for another node.
func permutation(n *node) []int {
	if t, ok := n.op.(*transpose); ok {
		return t.perm
	}
	return nil
}

func lowerTranspose(n *node, src *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) {
		return nil
	}
	perm := src.Ints("perm")
	if perm == nil {
		for i := len(n.in[0].shape) - 1; i >= 0; i-- {
			perm = append(perm, i)
		}
	}
	return &transpose{perm: perm}
}

func (t *transpose) gradient(b *backward, n *node, dy *value) error {
	inverse := make([]int, len(t.perm))
	for i, axis := range t.perm {
		inverse[axis] = i
	}
	b.bring(n.in[0], b.add(&transpose{perm: inverse}, n.in[0].shape, dy))
	return nil
}
