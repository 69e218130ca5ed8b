package engine

import (
	"featstore/extract/internal/graph"
)

// An identity does nothing; the rewrites remove it.
type identity struct {
	keepsOrder
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	sharedResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noParameters
}

func (*identity) name() string { return "identity" }

func (*identity) emit(p *planner, n *node) { p.copy(n.label, n.in[0].view, n.out[0].view) }

func lowerIdentity(n *node, _ *graph.Node, _ int64) operation {
	if !dynamic(n.in[0]) {
		return nil
	}
	n.keep(n.in[0])
	return &identity{}
}

func (*identity) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], dy)
	return nil
}
