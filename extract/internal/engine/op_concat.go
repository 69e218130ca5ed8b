package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
)

// A concat joins its inputs along a logical axis.
type concat struct {
	axis int

	noHalo
	sharedResult
	neverView
	noEpilogue
	noCost
	noParameters
}

func (*concat) name() string { return "concatenation" }

func (*concat) assignOrders(a *orders, n *node) {
	order := identityOrder(len(n.out[0].shape))
	for _, v := range slices.Backward(n.in) {
		if v.order != nil {
			order = v.order
		}
	}
	a.all(n, order)
}

func (*concat) constantOrder(n *node) []int { return n.out[0].order }

func (c *concat) beforeTranspose(_ *node, perm []int) operation { return &concat{axis: perm[c.axis]} }

// placeInputs puts the inputs of a concatenation of channels into its result.
func (c *concat) placeInputs(p *placement, n *node) {
	if innermostAxis(n.out[0]) != c.axis {
		return
	}
	out := n.out[0].view
	ch := out.Ch
	for _, v := range n.in {
		width := v.shape[c.axis]
		p.share(v, &memory.View{Buffer: out.Buffer, N: out.N, H: out.H, W: out.W, C: width, LD: out.LD, Ch: ch})
		ch += width
	}
}

func innermostAxis(v *value) int { return v.order[len(v.order)-1] }

func (*concat) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	return nil, sameQuantParams(n.in)
}

func (*concat) wantsBytes(b *byteForms, n *node) bool { return b.wanted(n.out[0]) }

func (*concat) readsBytes(n *node) bool { return n.out[0].quant != nil }

// concatOfBytes returns the concatenation that n is, if all of its inputs are bytes.
func concatOfBytes(n *node) *concat {
	c, ok := n.op.(*concat)
	if !ok || slices.ContainsFunc(n.in, func(v *value) bool { return v.quant == nil }) {
		return nil
	}
	return c
}

func (c *concat) emit(p *planner, n *node) {
	if innermostAxis(n.out[0]) != c.axis {
		c.emitOuter(p, n)
		return
	}
	out := n.out[0].view
	ch := out.Ch
	for _, v := range n.in {
		part := &memory.View{Buffer: out.Buffer, N: out.N, H: out.H, W: out.W, C: v.shape[c.axis], LD: out.LD, Ch: ch}
		p.copy(n.label, v.view, part)
		ch += part.C
	}
}

// emitOuter joins values along an axis that is not innermost in memory: the parts lie
// one behind the other for every index of the axes outside it.
func (c *concat) emitOuter(p *planner, n *node) {
	s := &exec.Concat{Out: n.out[0].view}
	order := n.out[0].order
	touched := []*memory.View{s.Out}
	for _, v := range n.in {
		inner := 1
		for i := slices.Index(order, c.axis); i < len(order); i++ {
			inner *= v.shape[order[i]]
		}
		s.In, s.Lens = append(s.In, v.view), append(s.Lens, inner)
		touched = append(touched, v.view)
	}
	p.emit(n.label, s, touched...)
}

func lowerConcat(n *node, src *graph.Node, _ int64) operation {
	axis := src.Int("axis", 1)
	if axis < 0 {
		axis += len(n.out[0].shape)
	}
	for _, v := range n.in {
		if !isFloat(v) || hasZero(v.shape) {
			return nil
		}
	}
	return &concat{axis: axis}
}

// gradient: every input gets its part of dy.
func (c *concat) gradient(b *backward, n *node, dy *value) error {
	from := 0
	for _, x := range n.in {
		if b.wanted(x) {
			b.bring(x, b.add(&slice{axis: c.axis, from: from, every: 1}, x.shape, dy))
		}
		from += x.shape[c.axis]
	}
	return nil
}
