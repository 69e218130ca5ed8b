package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
)

// A convInputGradient computes the gradient by a convolution's input where a convolution
// cannot: of one that moves by several pixels. Output pixels of the same remainder by
// the stride read the same taps, so each remainder, a phase, is a convolution.
type convInputGradient struct {
	conv *conv
	backwardOnly
}

func (*convInputGradient) name() string { return "gradient of a strided convolution" }

func (g *convInputGradient) assignOrders(a *orders, n *node) {
	a.all(n, innermost(len(n.in[0].shape), g.conv.axis))
}

// halo is how far the phases' taps reach beyond the gradient of the result.
func (g *convInputGradient) halo(n *node) memory.Borders {
	_, h, w, _ := dimensions(n.out[0])
	_, oh, ow, _ := dimensions(n.in[0])
	c := g.conv
	top, bottom := exec.ReachOfPhases(c.KH, c.SH, c.DH, c.Pad.Top, h, oh)
	left, right := exec.ReachOfPhases(c.KW, c.SW, c.DW, c.Pad.Left, w, ow)
	return memory.Borders{Top: top, Left: left, Bottom: bottom, Right: right}
}

func (g *convInputGradient) cost(n *node) cost { return cost{macs: g.conv.macs(n.in[0])} }

func (g *convInputGradient) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	s := &exec.InputGradient{ConvShape: g.conv.ConvShape, In: in, Out: out, Set: p.set}
	s.Source = func() []float32 { return g.conv.frozenWeight().Values }
	if t := g.conv.training; t != nil && t.weight != nil {
		s.Source = func() []float32 { return t.weight.Values }
		p.reloads = append(p.reloads, s.Load)
	}
	s.Phases()
	s.Load()
	p.emit(n.label, s, in, out)
}
