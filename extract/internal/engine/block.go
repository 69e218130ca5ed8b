package engine

import "featstore/extract/internal/kernel"

// A block is a depthwise convolution together with the pointwise ones around it,
// as MobileNet and EfficientNet are made of: expand → depthwise → project. Its
// inner results are many times larger than its input and output; run together,
// strip by strip, they never leave the cache. in[0] is the input, in[1] the
// residual, if the projection adds one.
type block struct {
	expand    *conv // nil when the block begins with the depthwise convolution
	depthwise *conv
	project   *conv // nil when something else follows
}

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
		if !ok || !c.depthwise() || c.scaling() || len(middle.in) != 1 || len(middle.in[0].shape) != 4 || c.axis != 1 {
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
func (c *conv) dense() bool { return c.pointwise() && c.group == 1 && !c.depthwise() }

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

// A blockStep runs a block. Output rows are cut into strips and the channels
// between expansion and projection into chunks, so that what a strip needs of a
// chunk fits the second-level cache: few rows of all channels where images are
// large, all rows of few channels where they are small. Expanded rows that the
// next strip needs again stay in a ring of rows.
type blockStep struct {
	*block
	in, out, res *view
	wide         *kernel.Packed // expansion weights
	narrow       *kernel.Packed // projection weights
	weight       []float32      // depthwise, tap × channel
	macs         int
	cache        int // floats that a strip may take

	channels int       // between expansion and projection
	w, h     int       // of the depthwise result
	strip    int       // output rows of a strip
	chunks   [][2]int  // channels [from, to) of each chunk
	panels   [][2]int  // the expansion's panels of each chunk
	ring     ringShape // expanded rows of a chunk
}

// A ringShape says how expanded rows lie in scratch memory: row y of the image in
// slot y mod slots, each slot with its halo of zero pixels, and one slot of zeros
// for rows above and below the image.
type ringShape struct {
	slots       int
	left, right int // halo
	row         int // floats of a slot
}

func (p *planner) block(n *node, b *block) {
	s := &blockStep{block: b, in: n.in[0].view, out: n.out[0].view, channels: b.depthwise.cout, cache: p.cache}
	if len(n.in) > 1 {
		s.res = n.in[1].view
	}
	d := b.depthwise
	s.weight = kernel.Aligned(len(d.weight))
	copy(s.weight, channelsLast(d.weight, 1, d.cout, d.kh*d.kw))
	p.stats.WeightBytes += 4 * (len(s.weight) + len(d.bias))
	s.h, s.w = s.out.h, s.out.w // a projection is pointwise
	s.macs = s.out.n * s.h * s.w * len(d.weight)
	for _, c := range []*conv{b.expand, b.depthwise, b.project} {
		if c != nil {
			p.stats.Params += len(c.weight) + len(c.bias)
		}
	}
	if c := b.expand; c != nil {
		s.wide = p.set.Pack(c.cout, c.cin, c.weight, c.bias)
		p.stats.WeightBytes += s.wide.Bytes()
		s.macs += s.in.n * s.in.h * s.in.w * len(c.weight)
	}
	if c := b.project; c != nil {
		s.narrow = p.set.Pack(c.cout, c.cin, c.weight, c.bias)
		p.stats.WeightBytes += s.narrow.Bytes()
		s.macs += s.out.n * s.h * s.w * len(c.weight)
	}
	p.stats.MACs += int64(s.macs)
	p.emit(n.label, s, s.in, s.res, s.out)
}
