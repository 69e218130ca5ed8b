package engine

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

func (g *convWeightGradient) halo(n *node) borders { return g.conv.halo(n) }

func (g *convWeightGradient) cost(n *node) cost {
	return cost{macs: g.conv.macs(n.in[1])}
}

func (g *convWeightGradient) emit(p *planner, n *node) {
	x, dz, t := n.in[0].view, n.in[1].view, g.conv.training
	if g.conv.depthwise() {
		p.emit(n.label, &depthwiseGradientStep{convShape: g.conv.convShape, weight: t.weight, bias: t.bias, in: x, out: dz}, x, dz)
		return
	}
	p.emit(n.label, &weightGradientStep{convShape: g.conv.convShape, weight: t.weight, bias: t.bias, in: x, out: dz}, x, dz)
}
