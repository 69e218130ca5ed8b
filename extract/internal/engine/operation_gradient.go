package engine

import (
	"featstore/extract/internal/graph"
)

// noGradient: the operation has no backward pass.
type noGradient struct{ noParameters }

func (noGradient) gradient(*backward, *node, *value) error { return ErrNoGradient }

// noParameters: the operation has nothing to train.
type noParameters struct{}

func (noParameters) parameters() []*Parameter { return nil }

func (noParameters) train(*parameterSet, *graph.Node, []*value) {}

// backwardOnly are the answers of operations that only backward passes have: they are
// made after all rewrites, never run on bytes, and have no gradient themselves.
type backwardOnly struct {
	noConstants
	stopsTranspose
	separateInputs
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noGradient
}

// keepsInput: a gradient without a result takes dy in any order.
type keepsInput struct{}

func (keepsInput) assignOrders(*orders, *node) {}

// rowOrder are the orders of gradients along the last axis, of in[0] = dy and a second
// input of the same shape.
type rowOrder struct{}

func (rowOrder) assignOrders(a *orders, n *node) {
	order := n.in[1].order
	if order[len(order)-1] != len(order)-1 {
		order = identityOrder(len(order))
	}
	a.need(n, 0, order)
	a.need(n, 1, order)
	for _, v := range n.out {
		v.order = order
	}
}

// spreadOrders are the orders of a gradient that goes from one pixel to all: in[0] comes
// as a spatialMean leaves its result, and the result has the channels innermost.
func (a *orders) spreadOrders(n *node, channel int) {
	rank, out := len(n.out[0].shape), n.out[0]
	if len(n.in[0].shape) == rank {
		a.need(n, 0, innermost(rank, channel))
	} else {
		a.need(n, 0, identityOrder(len(n.in[0].shape)))
	}
	out.order = innermost(rank, channel)
}
