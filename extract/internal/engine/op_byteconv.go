package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A byteConv is a convolution, or fully connected layer, from bytes to bytes.
type byteConv struct {
	conv    *conv
	weights *kernel.ByteWeights
	zero    int32 // of the input
	quant   kernel.QuantParams

	separateInputs
	bytesOnly
}

func (b *byteConv) name() string { return b.conv.name() + " of bytes" }

func (b *byteConv) assignOrders(a *orders, n *node) { b.conv.assignOrders(a, n) }

func (b *byteConv) halo(n *node) memory.Borders { return b.conv.halo(n) }

func (b *byteConv) cost(n *node) cost { return b.conv.cost(n) }

func (b *byteConv) emit(p *planner, n *node) {
	c, in, out := b.conv, n.in[0].view, n.out[0].view
	if c.Depthwise() {
		p.emitWeighted(n.label, exec.NewByteDepthwise(p.set, c.ConvShape, *b.weights, b.quant, in, out), in, out)
		return
	}
	p.emitWeighted(n.label, exec.NewByteConv(p.set, c.ConvShape, *b.weights, b.quant, in, out), in, out)
}

// byteLanes is how many outputs the narrowest product of bytes computes at once.
const byteLanes = 16
