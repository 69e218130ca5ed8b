package engine

import (
	"featstore/extract/internal/kernel"
)

// A byteConv is a convolution, or fully connected layer, from bytes to bytes.
type byteConv struct {
	conv    *conv
	weights *kernel.ByteWeights
	zero    int32 // of the input
	quant   kernel.QuantParams

	noConstants
	stopsTranspose
	separateInputs
	ownResult
	neverView
	noEpilogue
	bytesOnly
	noGradient
}

func (b *byteConv) name() string { return b.conv.name() + " of bytes" }

func (b *byteConv) assignOrders(a *orders, n *node) { b.conv.assignOrders(a, n) }

func (b *byteConv) halo(n *node) borders { return b.conv.halo(n) }

func (b *byteConv) cost(n *node) cost { return b.conv.cost(n) }

func (b *byteConv) emit(p *planner, n *node) {
	c, in, out := b.conv, n.in[0].view, n.out[0].view
	w := *b.weights
	if c.depthwise() {
		s := &byteDepthwiseStep{convShape: c.convShape, in: in, out: out, packed: p.set.PackTaps(w, c.kw), quant: b.quant}
		p.stats.WeightBytes += s.packed.Bytes()
		p.emit(n.label, s, in, out)
		return
	}
	s := &byteConvStep{convStep: convStep{convShape: c.convShape, in: in, out: out}, quant: b.quant}
	s.segments()
	s.sums = w.Segments
	w.N, w.Segments, w.K = c.cout/c.group, s.sums*len(s.offs), s.k
	row := w.Segments * w.K
	for g := range c.group {
		part := w
		part.W, part.Bias = w.W[g*w.N*row:][:w.N*row], w.Bias[g*w.N:][:w.N]
		part.Scale, part.Offset = w.Scale[g*w.N:][:w.N], w.Offset[g*w.N:][:w.N]
		q := p.set.PackBytes(part)
		p.stats.WeightBytes += q.Bytes()
		s.panels = append(s.panels, q)
	}
	s.offs = nil // once the views have their halos they lie elsewhere
	p.emit(n.label, s, in, out)
}

// byteLanes is how many outputs the narrowest product of bytes computes at once.
const byteLanes = 16
