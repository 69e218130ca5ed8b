package engine

import "featstore/extract/internal/engine/exec"

// A storeTap hands the net's output to the caller.
type storeTap struct {
	backwardOnly
	noHalo
	noCost
}

func (*storeTap) name() string { return "output" }

func (*storeTap) assignOrders(a *orders, n *node) {
	a.need(n, 0, identityOrder(len(n.in[0].shape)))
}

func (*storeTap) emit(p *planner, n *node) {
	p.emit(n.label, &exec.StoreOutput{In: n.in[0].view}, n.in[0].view)
}
