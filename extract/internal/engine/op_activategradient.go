package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/kernel"
)

// An activateGradient is dy times the derivative of a function: in[0] is dy, in[1] the
// function's argument, or for one that only bounds its argument also its result.
type activateGradient struct {
	act kernel.Activation

	noConstants
	stopsTranspose
	noHalo
	overwritesFirst
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noGradient
}

func (*activateGradient) name() string { return "gradient of an activation" }

func (*activateGradient) assignOrders(a *orders, n *node) { a.all(n, n.in[1].order) }

func (g *activateGradient) emit(p *planner, n *node) {
	dy, at, out := n.in[0].view, n.in[1].view, n.out[0].view
	p.copy(n.label, dy, out)
	p.emit(n.label, &exec.ActivateGradient{Act: g.act, At: at, Out: out}, at, out)
}
