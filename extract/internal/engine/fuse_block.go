package engine

// formBlocks merges depthwise convolutions with their neighbours.
func (g *net) formBlocks() {
	for _, n := range g.nodes {
		b := &block{}
		if c, ok := n.op.(*conv); ok && c.dense() && len(n.in[0].shape) == 4 && c.axis == 1 && !n.worthStrassen() {
			b.project = c
		}
		middle := n
		if b.project != nil {
			middle = n.in[0].def
			if middle == nil || !g.only(n.in[0]) {
				continue
			}
		}
		c, ok := middle.op.(*conv)
		if !ok || !c.Depthwise() || c.scaling() || len(middle.in) != 1 || len(middle.in[0].shape) != 4 || c.axis != 1 {
			continue
		}
		b.depthwise = c
		x := middle.in[0]
		if first := x.def; first != nil && g.only(x) && len(first.in) == 1 {
			if c, ok := first.op.(*conv); ok && c.dense() && c.axis == 1 && !first.worthStrassen() {
				b.expand, x = c, first.in[0]
			}
		}
		if b.project == nil && (b.expand == nil || g.projected(n)) {
			continue
		}
		g.absorb(n, b, append([]*value{x}, residual(n, b.project)...)...)
	}
	g.sweep()
}

// dense reports whether c is a pointwise convolution of all channels.
func (c *conv) dense() bool { return c.Pointwise() && c.Group == 1 && !c.Depthwise() }

// projected reports whether a projection follows that will take n into its block.
func (g *net) projected(n *node) bool {
	if !g.only(n.out[0]) {
		return false
	}
	u := n.out[0].users[0]
	c, ok := u.op.(*conv)
	return ok && c.dense() && c.axis == 1 && u.in[0] == n.out[0] && !u.worthStrassen()
}

func residual(n *node, project *conv) []*value {
	if project == nil {
		return nil
	}
	return n.in[1:]
}
