package engine

// joinGroups returns the convolution with narrow groups joined to as many outputs
// as a vector has lanes. The weights between different groups are zero: a vector is
// multiplied as often as before, but is full of outputs.
func (c *conv) joinGroups(lanes int) *conv {
	in, out := c.CIn/c.Group, c.COut/c.Group
	m := min(lanes/out, c.Group)
	for m > 1 && c.Group%m != 0 {
		m--
	}
	if m < 2 || in*m > 2*lanes { // many inputs for few outputs: more products than are saved
		return c
	}
	joined := *c
	joined.Group = c.Group / m
	joined.weight = make([]float32, len(c.weight)*m)
	c.join(&joined)
	return &joined
}

// join copies c's weights to where joinGroups puts them, which may be c itself.
func (c *conv) join(joined *conv) {
	if joined == c {
		return
	}
	in, out, taps, m := c.CIn/c.Group, c.COut/c.Group, c.KH*c.KW, c.Group/joined.Group
	for o := range c.COut {
		at := o / out % m * in // where the output's own inputs begin among the joined
		for t := range taps {
			copy(joined.weight[(o*taps+t)*in*m+at:], c.weight[(o*taps+t)*in:][:in])
		}
	}
}
