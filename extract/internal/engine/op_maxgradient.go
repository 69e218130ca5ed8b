package engine

import "featstore/extract/internal/engine/exec"

// A maxGradient gives dy to the first pixel that has the maximum of its image: in[0] is
// dy, in[1] the image, in[2] the maximum.
type maxGradient struct {
	channel int

	backwardOnly
	noHalo
	noCost
}

func (*maxGradient) name() string { return "gradient of global max pooling" }

func (g *maxGradient) assignOrders(a *orders, n *node) {
	a.spreadOrders(n, g.channel)
	a.need(n, 1, n.out[0].order)
	a.need(n, 2, n.in[0].order)
}

func (g *maxGradient) emit(p *planner, n *node) {
	s := &exec.MaxGradient{Dy: n.in[0].view, X: n.in[1].view, Y: n.in[2].view, Dx: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.X, s.Y, s.Dx)
}
