package engine

// A poolGradient takes dy back through pooling: in[0] is dy, in[1] the input of the
// pool, in[2] its result.
type poolGradient struct {
	pool *pool

	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noGradient
}

func (*poolGradient) name() string { return "gradient of pooling" }

func (*poolGradient) assignOrders(a *orders, n *node) {
	a.all(n, innermost(len(n.in[0].shape), 1))
}

func (g *poolGradient) emit(p *planner, n *node) {
	s := &poolGradientStep{poolStep: poolStep{window: g.pool.window, max: g.pool.max, countPad: g.pool.countPad, in: n.in[1].view, out: n.in[2].view}, dy: n.in[0].view, dx: n.out[0].view}
	p.emit(n.label, s, s.dy, s.in, s.out, s.dx)
}
