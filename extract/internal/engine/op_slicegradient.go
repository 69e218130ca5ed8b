package engine

import "featstore/extract/internal/engine/exec"

// A sliceGradient puts dy where a slice was taken from, and zeros elsewhere.
type sliceGradient struct {
	slice *slice

	backwardOnly
	noHalo
	noCost
}

func (*sliceGradient) name() string { return "gradient of a slice" }

// assignOrders: the result gets the order of which a slice would have in[0]'s.
func (g *sliceGradient) assignOrders(_ *orders, n *node) {
	order := n.in[0].order
	if g.slice.drop { // the axis that was dropped comes outermost
		full := []int{g.slice.axis}
		for _, axis := range order {
			full = append(full, g.slice.source(axis))
		}
		order = full
	}
	n.out[0].order = order
}

func (g *sliceGradient) emit(p *planner, n *node) {
	dy, dx := n.in[0], n.out[0]
	from, to := dy.array().Strides(), dx.array().Strides()
	s := &exec.SliceGradient{Dy: dy.view, Dx: dx.view, Begin: dx.view.At(0, 0, 0) + g.slice.from*to[g.slice.axis]}
	for _, axis := range dy.order {
		step := to[g.slice.source(axis)]
		if g.slice.source(axis) == g.slice.axis {
			step *= g.slice.every
		}
		s.Dims, s.From, s.To = append(s.Dims, dy.shape[axis]), append(s.From, from[axis]), append(s.To, step)
	}
	p.emit(n.label, s, s.Dy, s.Dx)
}
