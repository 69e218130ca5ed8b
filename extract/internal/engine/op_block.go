package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/tensor"
)

// A block is a depthwise convolution together with the pointwise ones around it,
// as MobileNet and EfficientNet are made of: expand → depthwise → project. Its
// inner results are many times larger than its input and output; run together,
// strip by strip, they never leave the cache. in[0] is the input, in[1] the
// residual, if the projection adds one.
type block struct {
	expand    *conv // nil when the block begins with the depthwise convolution
	depthwise *conv
	project   *conv // nil when something else follows

	channelsInnermost
	noConstants
	stopsTranspose
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noGradient
}

func (*block) name() string { return "block" }

// parts are the block's convolutions in their order.
func (b *block) parts() []*conv {
	var parts []*conv
	for _, c := range []*conv{b.expand, b.depthwise, b.project} {
		if c != nil {
			parts = append(parts, c)
		}
	}
	return parts
}

func (b *block) halo(*node) memory.Borders {
	if b.expand != nil {
		return memory.Borders{} // expanded rows get theirs in scratch memory
	}
	return b.depthwise.Pad
}

func (*block) placeInputs(p *placement, n *node) {
	if len(n.in) > 1 {
		p.overwrite(n.in[1], n.out[0].view)
	}
}

func (b *block) cost(n *node) (total cost) {
	for _, c := range b.parts() {
		pixels := tensor.Len(n.out[0].shape) / n.out[0].shape[1]
		if c == b.expand {
			pixels = tensor.Len(n.in[0].shape) / c.CIn
		}
		total.params += len(c.weight) + len(c.Bias)
		total.macs += int64(pixels) * int64(len(c.weight))
	}
	return total
}

func (b *block) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	var res *memory.View
	if len(n.in) > 1 {
		res = n.in[1].view
	}
	s := exec.NewBlock(p.set, p.cache, b.expand.part(), *b.depthwise.part(), b.project.part(), in, res, out)
	p.emitWeighted(n.label, s, in, res, out)
}
