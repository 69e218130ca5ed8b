package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
)

// A convWeightGradient adds to the gradients of a convolution's weights and bias: in[0]
// is its input, in[1] the gradient by its result.
type convWeightGradient struct {
	conv *conv
	backwardOnly
}

func (*convWeightGradient) name() string { return "gradient of weights" }

func (g *convWeightGradient) assignOrders(a *orders, n *node) {
	order := g.conv.channelsLastOrder(n.in[0].order)
	a.need(n, 0, order)
	a.need(n, 1, order)
}

func (g *convWeightGradient) halo(n *node) memory.Borders { return g.conv.halo(n) }

func (g *convWeightGradient) cost(n *node) cost {
	return cost{macs: g.conv.macs(n.in[1])}
}

func (g *convWeightGradient) emit(p *planner, n *node) {
	x, dz, t := n.in[0].view, n.in[1].view, g.conv.training
	if g.conv.Depthwise() {
		p.emit(n.label, &exec.DepthwiseGradient{ConvShape: g.conv.ConvShape, Weight: t.weight.gradient(), Bias: t.bias.gradient(), In: x, Out: dz}, x, dz)
		return
	}
	p.emit(n.label, &exec.WeightGradient{ConvShape: g.conv.ConvShape, Weight: t.weight.gradient(), Bias: t.bias.gradient(), In: x, Out: dz}, x, dz)
}
