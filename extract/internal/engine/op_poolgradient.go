package engine

import "featstore/extract/internal/engine/exec"

// A poolGradient takes dy back through pooling: in[0] is dy, in[1] the input of the
// pool, in[2] its result.
type poolGradient struct {
	pool *pool

	channelsInnermost
	backwardOnly
	noHalo
	noCost
}

func (*poolGradient) name() string { return "gradient of pooling" }

func (g *poolGradient) emit(p *planner, n *node) {
	s := &exec.PoolGradient{Pool: exec.Pool{Window: g.pool.Window, Max: g.pool.max, CountPad: g.pool.countPad, In: n.in[1].view, Out: n.in[2].view},
		Dy: n.in[0].view, Dx: n.out[0].view}
	p.emit(n.label, s, s.Dy, s.In, s.Out, s.Dx)
}
