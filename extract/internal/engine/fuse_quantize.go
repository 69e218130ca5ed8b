package engine

import (
	"math"
	"slices"

	"featstore/extract/internal/kernel"
)

// shareActivation joins activations that are applied to the same value: what was
// quantised once is made floats again for each of its readers.
func shareActivation(g *net, n *node) bool {
	a, ok := n.op.(*activate)
	if !ok || len(n.in[0].users) < 2 {
		return false
	}
	for _, u := range n.in[0].users {
		if b, ok := u.op.(*activate); ok && u != n && a.Activation == b.Activation && slices.Index(g.nodes, u) < slices.Index(g.nodes, n) {
			if slices.Contains(g.nodes, u) {
				g.replace(n.out[0], u.out[0])
				return true
			}
		}
	}
	return false
}

// mergeQuantize joins rounding with the bounds before it and with the scale behind
// it, where that gives the same floats.
func mergeQuantize(g *net, n *node) bool {
	a, ok := n.op.(*activate)
	if !ok || n.in[0].def == nil || !g.only(n.in[0]) {
		return false
	}
	p := n.in[0].def
	first, ok := p.op.epilogue()
	if !ok {
		return false
	}
	merged := first
	switch {
	case first.Func == kernel.Clip && a.Func == kernel.FakeQuantize:
		merged = a.Activation
		merged.A, merged.B = max(a.A, nearest(first.A/a.Scale)), min(a.B, nearest(first.B/a.Scale))
		if merged.A > merged.B {
			return false // the bounds lie beyond the numbers
		}
	case first.Func != kernel.FakeQuantize || a.Func != kernel.Affine || first.Unit != 1:
		return false
	case a.A == 1 && a.B == nearest(a.B):
		merged.Shift += a.B
	case a.B == 0 && first.Shift == 0:
		merged.Unit = a.A
	default:
		return false
	}
	g.absorb(n, p.op.withEpilogue(merged), p.in...)
	return true
}

func nearest(x float32) float32 { return float32(math.RoundToEven(float64(x))) }
