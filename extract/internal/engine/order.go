package engine

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// identityOrder is row-major: the model's own order.
func identityOrder(rank int) []int {
	o := make([]int, rank)
	for i := range o {
		o[i] = i
	}
	return o
}

// innermost is the identity with one axis moved to the end: N×C×H×W lies in
// memory as N×H×W×C for axis 1.
func innermost(rank, axis int) []int {
	var o []int
	for i := range rank {
		if i != axis {
			o = append(o, i)
		}
	}
	return append(o, axis)
}

// sameBytes reports whether a tensor of the given shape is the same sequence in
// memory in both orders: axes of one element do not count.
func sameBytes(a, b, shape []int) bool {
	long := func(axis int) bool { return shape[axis] != 1 }
	return slices.Equal(keepIf(a, long), keepIf(b, long))
}

func keepIf(s []int, f func(int) bool) []int {
	var kept []int
	for _, x := range s {
		if f(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

// physical returns v's dimensions from outermost to innermost in memory.
func (v *value) physical() []int {
	p := make([]int, len(v.order))
	for i, axis := range v.order {
		p[i] = v.shape[axis]
	}
	return p
}

// assignOrders chooses the order of axes of every value, and inserts a reorder
// wherever an operation needs its input in another order than it comes in.
func (g *net) assignOrders(inputOrder []int) {
	g.input.order = inputOrder
	a := &orders{net: g}
	for _, n := range g.nodes {
		a.assign(n)
		a.nodes = append(a.nodes, n)
	}
	if g.output.order != nil {
		g.output = a.reordered(g.output, identityOrder(len(g.output.shape)), "output")
	}
	g.nodes = a.nodes
}

// orders is the state of assignOrders: the nodes so far, reorders included.
type orders struct {
	net   *net
	nodes []*node
}

// need makes the i-th input of n come in the given order.
func (a *orders) need(n *node, i int, order []int) {
	if v := n.in[i]; v != nil && v.constant == nil && v.order != nil {
		n.setInput(i, a.reordered(v, order, n.label))
	}
}

func (a *orders) reordered(v *value, order []int, label string) *value {
	if slices.Equal(v.order, order) {
		return v
	}
	for _, u := range v.users { // another reader may have had the same need
		if _, ok := u.op.(*reorder); ok && slices.Equal(u.out[0].order, order) {
			return u.out[0]
		}
	}
	w := &value{name: v.name, dtype: v.dtype, whole: v.whole, quant: v.quant, shape: v.shape, order: order}
	n := &node{label: label, op: &reorder{}, out: []*value{w}}
	w.def = n
	n.addInput(v)
	a.nodes = append(a.nodes, n)
	return w
}

func (a *orders) assign(n *node) {
	switch op := n.op.(type) {
	case *conv:
		a.assignConv(n, op)
	case *byteConv:
		a.assignConv(n, op.conv)
	case *pool, *bytePool, *block, *lrn:
		a.all(n, innermost(len(n.in[0].shape), 1))
	case *pad:
		a.all(n, innermost(4, op.channel))
	case *spatialMean:
		a.need(n, 0, innermost(len(n.in[0].shape), op.channel))
		a.spatialMeanResult(n, op)
	case *byteMean:
		a.need(n, 0, innermost(len(n.in[0].shape), op.channel))
		a.spatialMeanResult(n, op.spatialMean)
	case *activate, *quantize, *dequantize, *lookup:
		n.out[0].order = n.in[0].order
	case *binary, *byteBinary:
		order := n.in[0].order
		if !slices.Equal(n.in[0].shape, n.in[1].shape) {
			order = innermost(len(order), 1)
		}
		a.all(n, order)
	case *concat:
		order := identityOrder(len(n.out[0].shape))
		for _, v := range slices.Backward(n.in) {
			if v.order != nil {
				order = v.order
			}
		}
		a.all(n, order)
	case *rowwise:
		order := n.in[0].order
		if order[len(order)-1] != len(order)-1 {
			order = identityOrder(len(order))
		}
		a.all(n, order)
	case *slice:
		n.out[0].order = op.keptOrder(n.in[0].order)
	case *reshape:
		if n.out[0].order = reshapedOrder(n.in[0], n.out[0].shape); n.out[0].order == nil {
			a.need(n, 0, gatheredOrder(n.in[0], n.out[0].shape))
			n.out[0].order = reshapedOrder(n.in[0], n.out[0].shape)
		}
		if n.out[0].order == nil {
			a.all(n, identityOrder(len(n.in[0].shape)))
			n.out[0].order = identityOrder(len(n.out[0].shape))
		}
	case *matmul:
		a.assignMatmul(n)
	case *transpose:
		n.out[0].order = make([]int, len(op.perm))
		for i, axis := range n.in[0].order {
			n.out[0].order[i] = slices.Index(op.perm, axis)
		}
	default: // references work in the model's own order
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
}

// assignMatmul: the left matrix needs its rows in one piece, the right one is
// packed anyway. The result comes in the order that the Transpose behind it wants.
func (a *orders) assignMatmul(n *node) {
	rank := len(n.in[0].shape)
	if o := n.in[0].order; o[rank-1] != rank-1 {
		a.need(n, 0, identityOrder(rank))
	}
	out := n.out[0]
	out.order = identityOrder(rank)
	if len(out.users) == 1 {
		if t, ok := out.users[0].op.(*transpose); ok && t.perm[rank-1] == rank-1 {
			out.order = t.perm
		}
	}
}

// all demands one order for every input, which is also that of the result.
func (a *orders) all(n *node, order []int) {
	for i := range n.in {
		a.need(n, i, order)
	}
	n.out[0].order = order
}

// assignConv: a pointwise convolution takes any order with the channels
// innermost, others need N×H×W×C.
func (a *orders) assignConv(n *node, c *conv) {
	order := n.in[0].order
	if !c.pointwise() || order[len(order)-1] != c.axis {
		order = innermost(len(order), c.axis)
	}
	a.all(n, order)
}

func (a *orders) spatialMeanResult(n *node, op *spatialMean) {
	out := n.out[0]
	if len(out.shape) == len(n.in[0].shape) {
		out.order = innermost(len(out.shape), op.channel)
	} else {
		out.order = identityOrder(len(out.shape))
	}
}
