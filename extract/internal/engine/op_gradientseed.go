package engine

import "featstore/extract/internal/engine/exec"

// A gradientSeed is the gradient of the loss by the net's output, which the caller
// gives.
type gradientSeed struct {
	backwardOnly
	noHalo
	noCost
}

func (*gradientSeed) name() string { return "gradient of the loss" }

func (*gradientSeed) assignOrders(_ *orders, n *node) {
	n.out[0].order = identityOrder(len(n.out[0].shape))
}

func (*gradientSeed) emit(p *planner, n *node) {
	out := n.out[0].view
	p.emit(n.label, &exec.LoadGradient{Out: out}, out)
}
