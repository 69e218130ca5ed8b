package engine

import "slices"

// mergeResidual lets a convolution add the other operand of an addition.
func mergeResidual(g *net, n *node) bool {
	b, ok := n.op.(*binary)
	if !ok || b.fn != '+' || !slices.Equal(n.in[0].shape, n.in[1].shape) {
		return false
	}
	for i := len(n.in) - 1; i >= 0; i-- {
		p, c := g.producer(n.in[i])
		if p == nil || len(p.in) != 1 || c.Depthwise() || !dynamic(n.in[1-i]) {
			continue
		}
		merged := *c
		merged.Act = b.act
		g.absorb(n, &merged, p.in[0], n.in[1-i])
		return true
	}
	return false
}
