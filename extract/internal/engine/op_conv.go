package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A conv is everything of the form act(W ∗ x + bias + residual): convolutions,
// fully connected layers (1×1 along the last axis) and per-channel affine
// functions (1×1 depthwise). in[0] is x, in[1] the residual if there is one.
type conv struct {
	exec.ConvShape
	axis     int                  // the logical axis of channels: 1 in a convolution, the last in a product
	weight   []float32            // cout × kh × kw × cin/group
	winograd *exec.WinogradTiling // how it runs by Winograd; nil for the direct method
	strassen bool                 // whether it runs by Strassen
	training *convTraining        // nil where the weights stay as they are

	noConstants
	ownResult
	neverView
}

// scaling reports whether the convolution is no more than scale and shift.
func (c *conv) scaling() bool { return c.Depthwise() && c.Pointwise() }

func (c *conv) name() string {
	switch {
	case c.scaling():
		return "scale and shift"
	case c.Depthwise():
		return "depthwise convolution"
	case c.axis != 1:
		return "fully connected layer"
	case c.Group > 1:
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
	if !c.Pointwise() || order[len(order)-1] != c.axis {
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

func (c *conv) halo(n *node) memory.Borders {
	_, h, w, _ := dimensions(n.in[0])
	return c.reach(h, w)
}

func (*conv) placeInputs(p *placement, n *node) {
	if len(n.in) > 1 {
		p.overwrite(n.in[1], n.out[0].view)
	}
}

func (c *conv) epilogue() (kernel.Activation, bool) { return c.Act, true }

func (c *conv) withEpilogue(a kernel.Activation) operation {
	with := *c
	with.Act = a
	return &with
}

func (c *conv) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	in, out := n.in[0].quant, quantParamsOf(c.Act)
	if in == nil || out == nil || len(n.in) > 1 || !c.Pad.Empty() && !in.padded() {
		return nil, nil
	}
	if !c.Depthwise() {
		c = c.joinGroups(byteLanes)
	}
	w := c.byteWeights(in)
	if w == nil {
		return nil, nil
	}
	return &byteConv{conv: c, weights: w, zero: in.zeroPoint, quant: rounding(c.Act)}, out
}

func (c *conv) wantsBytes(_ *byteForms, n *node) bool {
	return len(n.in) == 1 && c.Act.Func == kernel.FakeQuantize
}

func (*conv) readsBytes(*node) bool { return false }

func (c *conv) cost(n *node) cost {
	return cost{params: len(c.weight) + len(c.Bias), macs: int64(tensor.Len(n.out[0].shape)) * int64(len(c.weight)/c.COut)}
}

func (c *conv) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	var res *memory.View
	if len(n.in) > 1 {
		res = n.in[1].view
	}
	switch {
	case c.winograd != nil:
		p.emitWeighted(n.label, exec.NewWinograd(p.set, c.ConvShape, c.weight, c.winograd, in, res, out), in, res, out)
	case c.strassen && in.Contiguous():
		p.emitWeighted(n.label, exec.NewStrassen(p.set, c.ConvShape, c.weight, in, res, out), in, res, out)
	case c.Depthwise() && res == nil:
		s := exec.NewDepthwise(c.ConvShape, c.weight, in, out)
		c.reload(p, func() { s.Load(c.weight) })
		p.emitWeighted(n.label, s, in, out)
	default:
		joined := c.joinGroups(p.set.Lanes())
		s := exec.NewConv(p.set, joined.ConvShape, joined.weight, in, res, out)
		c.reload(p, func() {
			c.join(joined)
			s.Load(joined.weight, c.Bias)
		})
		p.emitWeighted(n.label, s, in, res, out)
	}
}

// reload has load called whenever the weights have changed. What is trained runs by the
// direct method, so Winograd and Strassen have no need of it.
func (c *conv) reload(p *planner, load func()) {
	if c.training != nil {
		p.reloads = append(p.reloads, func() {
			c.derive()
			load()
		})
	}
}

// part is c as a step takes it as part of a block, nil for none.
func (c *conv) part() *exec.BlockPart {
	if c == nil {
		return nil
	}
	return &exec.BlockPart{Shape: c.ConvShape, Weight: c.weight}
}

// convOf returns the convolution that computes v, nil if something else does.
func convOf(v *value) *conv {
	if v.def == nil {
		return nil
	}
	c, _ := v.def.op.(*conv)
	return c
}
