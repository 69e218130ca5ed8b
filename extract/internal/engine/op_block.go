package engine

import (
	"featstore/extract/internal/kernel"
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

func (b *block) halo(*node) borders {
	if b.expand != nil {
		return borders{} // expanded rows get theirs in scratch memory
	}
	return b.depthwise.pad
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
			pixels = tensor.Len(n.in[0].shape) / c.cin
		}
		total.params += len(c.weight) + len(c.bias)
		total.macs += int64(pixels) * int64(len(c.weight))
	}
	return total
}

func (b *block) emit(p *planner, n *node) {
	s := &blockStep{expand: b.expand.shape(), depthwise: b.depthwise.shape(), project: b.project.shape(), in: n.in[0].view, out: n.out[0].view, channels: b.depthwise.cout, cache: p.cache}
	if len(n.in) > 1 {
		s.res = n.in[1].view
	}
	d := b.depthwise
	s.weight = kernel.Aligned(len(d.weight))
	copy(s.weight, channelsLast(d.weight, 1, d.cout, d.kh*d.kw))
	p.stats.WeightBytes += 4 * (len(s.weight) + len(d.bias))
	s.h, s.w = s.out.h, s.out.w // a projection is pointwise
	if c := b.expand; c != nil {
		s.expandWeights = p.set.Pack(c.cout, c.cin, c.weight, c.bias)
		p.stats.WeightBytes += s.expandWeights.Bytes()
	}
	if c := b.project; c != nil {
		s.projectWeights = p.set.Pack(c.cout, c.cin, c.weight, c.bias)
		p.stats.WeightBytes += s.projectWeights.Bytes()
	}
	p.emit(n.label, s, s.in, s.res, s.out)
}
