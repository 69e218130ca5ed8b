package engine

import "featstore/extract/internal/engine/exec"

// A bytePool takes the largest byte of windows.
type bytePool struct {
	pool *pool

	channelsInnermost
	noHalo
	separateInputs
	bytesOnly
	noCost
}

func (*bytePool) name() string { return "max pooling of bytes" }

func (b *bytePool) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.BytePool{Pool: exec.Pool{Window: b.pool.Window, Max: true, In: in, Out: out}}, in, out)
}
