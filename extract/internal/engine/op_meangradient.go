package engine

import "featstore/extract/internal/engine/exec"

// A meanGradient gives every pixel the same share of dy.
type meanGradient struct {
	channel int // as of spatialMean

	backwardOnly
	noHalo
	noCost
}

func (*meanGradient) name() string { return "gradient of global average pooling" }

func (g *meanGradient) assignOrders(a *orders, n *node) { a.spreadOrders(n, g.channel) }

func (g *meanGradient) emit(p *planner, n *node) {
	s := &exec.MeanGradient{Dy: n.in[0].view, Dx: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.Dx)
}
