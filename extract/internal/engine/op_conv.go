package engine

import (
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A conv is everything of the form act(W ∗ x + bias + residual): convolutions,
// fully connected layers (1×1 along the last axis) and per-channel affine
// functions (1×1 depthwise). in[0] is x, in[1] the residual if there is one.
type conv struct {
	convShape
	axis     int             // the logical axis of channels: 1 in a convolution, the last in a product
	weight   []float32       // cout × kh × kw × cin/group
	winograd *winogradTiling // how it runs by Winograd; nil for the direct method
	strassen bool            // whether it runs by Strassen
	training *convTraining   // nil where the weights stay as they are

	noConstants
	ownResult
	neverView
}

// scaling reports whether the convolution is no more than scale and shift.
func (c *conv) scaling() bool { return c.depthwise() && c.pointwise() }

func (c *conv) name() string {
	switch {
	case c.scaling():
		return "scale and shift"
	case c.depthwise():
		return "depthwise convolution"
	case c.axis != 1:
		return "fully connected layer"
	case c.group > 1:
		return "grouped convolution"
	}
	return "convolution"
}

// assignOrders: a pointwise convolution takes any order with the channels innermost,
// others need N×H×W×C.
func (c *conv) assignOrders(a *orders, n *node) {
	a.all(n, c.channelsLastOrder(n.in[0].order))
}

// channelsLastOrder is the given order if it will do, or else one that has the channels
// innermost.
func (c *conv) channelsLastOrder(order []int) []int {
	if !c.pointwise() || order[len(order)-1] != c.axis {
		return innermost(len(order), c.axis)
	}
	return order
}

func (c *conv) beforeTranspose(n *node, perm []int) operation {
	if !c.scaling() || len(n.in) != 1 {
		return nil
	}
	moved := *c
	moved.axis = perm[c.axis]
	return &moved
}

func (c *conv) halo(n *node) borders {
	_, h, w, _ := dimensions(n.in[0])
	return c.reach(h, w)
}

func (*conv) placeInputs(p *placement, n *node) {
	if len(n.in) > 1 {
		p.overwrite(n.in[1], n.out[0].view)
	}
}

func (c *conv) epilogue() (kernel.Activation, bool) { return c.act, true }

func (c *conv) withEpilogue(a kernel.Activation) operation {
	with := *c
	with.act = a
	return &with
}

func (c *conv) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	in, out := n.in[0].quant, quantParamsOf(c.act)
	if in == nil || out == nil || len(n.in) > 1 || !c.pad.zero() && !in.padded() {
		return nil, nil
	}
	if !c.depthwise() {
		c = c.joinGroups(byteLanes)
	}
	w := c.byteWeights(in)
	if w == nil {
		return nil, nil
	}
	return &byteConv{conv: c, weights: w, zero: in.zero, quant: rounding(c.act)}, out
}

func (c *conv) wantsBytes(_ *byteForms, n *node) bool {
	return len(n.in) == 1 && c.act.Func == kernel.FakeQuantize
}

func (*conv) readsBytes(*node) bool { return false }

func (c *conv) cost(n *node) cost {
	return cost{params: len(c.weight) + len(c.bias), macs: int64(tensor.Len(n.out[0].shape)) * int64(len(c.weight)/c.cout)}
}

func (c *conv) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	var res *view
	if len(n.in) > 1 {
		res = n.in[1].view
	}
	switch {
	case c.winograd != nil:
		c.emitWinograd(p, n.label, in, res, out)
	case c.strassen && in.contiguous():
		c.emitStrassen(p, n.label, in, res, out)
	case c.depthwise() && res == nil:
		c.emitDepthwise(p, n.label, in, out)
	default:
		c.emitDirect(p, n.label, in, res, out)
	}
}

// shape is a copy of what a step needs to know of c beside its weights, nil for none.
func (c *conv) shape() *convShape {
	if c == nil {
		return nil
	}
	s := c.convShape
	return &s
}

// reload has load called whenever the weights have changed.
func (c *conv) reload(p *planner, load func()) {
	if c.training != nil {
		p.reloads = append(p.reloads, func() {
			c.derive()
			load()
		})
	}
}

func (c *conv) emitDirect(p *planner, label string, in, res, out *view) {
	lo, hi, done := c.act.Bounds()
	lanes := p.set.Lanes()
	joined := c.joinGroups(lanes)
	s := &convStep{convShape: joined.convShape, in: in, out: out, res: res, lo: lo, hi: hi, post: !done}
	for range joined.group {
		q := p.set.NewPacked(joined.cout/joined.group, len(joined.weight)/joined.cout)
		p.stats.WeightBytes += q.Bytes()
		s.packed = append(s.packed, q)
	}
	s.load(joined.weight, joined.bias)
	c.reload(p, func() { s.load(c.joinGroups(lanes).weight, c.bias) })
	p.emit(label, s, in, res, out)
}

func (c *conv) emitDepthwise(p *planner, label string, in, out *view) {
	lo, hi, done := c.act.Bounds()
	s := &depthwiseStep{convShape: c.convShape, in: in, out: out, weight: kernel.Aligned(len(c.weight)), lo: lo, hi: hi, post: !done}
	p.stats.WeightBytes += 4 * (len(s.weight) + len(c.bias))
	s.load(c.weight)
	c.reload(p, func() { s.load(c.weight) })
	p.emit(label, s, in, out)
}

func (c *conv) emitWinograd(p *planner, label string, in, res, out *view) {
	lo, hi, done := c.act.Bounds()
	s := &winogradStep{convShape: c.convShape, tiling: c.winograd, in: in, out: out, res: res, lo: lo, hi: hi, post: !done}
	c.winograd.y.shorten(p.set)
	c.winograd.x.shorten(p.set)
	s.packed = p.set.PackEach(c.cout, c.cin, winogradWeights(c.convShape, c.weight, c.winograd))
	for _, q := range s.packed {
		p.stats.WeightBytes += q.Bytes()
	}
	c.reload(p, func() {
		for i, w := range winogradWeights(c.convShape, c.weight, c.winograd) {
			s.packed[i].Fill(w, 1, c.cin)
		}
	})
	p.emit(label, s, in, res, out)
}

func (c *conv) emitStrassen(p *planner, label string, in, res, out *view) {
	lo, hi, done := c.act.Bounds()
	s := &strassenStep{convShape: c.convShape, strassenWeights: newStrassenWeights(p.set, c.convShape, c.weight), in: in, out: out, res: res, lo: lo, hi: hi, post: !done}
	p.stats.WeightBytes += s.weights.Bytes() + 4*(len(s.low)+len(s.high))
	p.emit(label, s, in, res, out)
}

// convOf returns the convolution that computes v, nil if something else does.
func convOf(v *value) *conv {
	if v.def == nil {
		return nil
	}
	c, _ := v.def.op.(*conv)
	return c
}
