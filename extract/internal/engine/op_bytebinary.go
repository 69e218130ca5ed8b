package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/kernel"
)

// A byteBinary adds or multiplies two quantized values. As in a binary, the second one
// may be the same for all pixels of an image.
type byteBinary struct {
	fn byte // '+' or '*'
	kernel.ByteBinary

	noHalo
	overwritesFirst
	bytesOnly
	noCost
}

func (b *byteBinary) name() string { return (&binary{fn: b.fn}).name() + " of bytes" }

func (*byteBinary) assignOrders(a *orders, n *node) { a.pair(n) }

func (b *byteBinary) emit(p *planner, n *node) {
	x, y, out := n.in[0].view, n.in[1].view, n.out[0].view
	p.emit(n.label, &exec.ByteBinary{ByteBinary: b.ByteBinary, Binary: exec.Binary{Fn: b.fn, A: x, B: y, Out: out}}, x, y, out)
}
