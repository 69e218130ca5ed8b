package engine

// A bytePool takes the largest byte of windows.
type bytePool struct {
	pool *pool

	channelsInnermost
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	bytesOnly
	noCost
	noGradient
}

func (*bytePool) name() string { return "max pooling of bytes" }

func (b *bytePool) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &bytePoolStep{poolStep{window: b.pool.window, max: true, in: in, out: out}}, in, out)
}
