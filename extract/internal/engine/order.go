package engine

import "slices"

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
// wherever an operation needs its input in another order than it comes in. The output
// is in the model's order or, if it is an image, with the channels last.
func (g *net) assignOrders(inputOrder []int, channelsLast bool) {
	g.input.order = inputOrder
	a := &orders{net: g}
	for _, n := range g.nodes {
		n.op.assignOrders(a, n)
		a.nodes = append(a.nodes, n)
	}
	if g.output.order != nil {
		order := identityOrder(len(g.output.shape))
		if channelsLast && len(order) == 4 {
			order = innermost(4, 1)
		}
		g.output = a.reordered(g.output, order, "output")
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
		if to, ok := reorderTo(u); ok && slices.Equal(to, order) {
			return u.out[0]
		}
	}
	w := &value{name: v.name, dtype: v.dtype, integer: v.integer, quant: v.quant, shape: v.shape, order: order}
	n := &node{label: label, op: &reorder{}, out: []*value{w}}
	w.def = n
	n.addInput(v)
	a.nodes = append(a.nodes, n)
	return w
}

// all demands one order for every input, which is also that of the result.
func (a *orders) all(n *node, order []int) {
	for i := range n.in {
		a.need(n, i, order)
	}
	n.out[0].order = order
}

// pair demands one order for both inputs: that of the first, with channels innermost
// where the second one has a single pixel.
func (a *orders) pair(n *node) {
	order := n.in[0].order
	if !slices.Equal(n.in[0].shape, n.in[1].shape) {
		order = innermost(len(order), 1)
	}
	a.all(n, order)
}
