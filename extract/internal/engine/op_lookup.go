package engine

// A lookup replaces every byte by another one.
type lookup struct {
	table [256]byte

	keepsOrder
	noConstants
	stopsTranspose
	noHalo
	overwritesFirst
	ownResult
	neverView
	noEpilogue
	bytesOnly
	noCost
	noGradient
}

func (*lookup) name() string { return "table of bytes" }

func (l *lookup) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &lookupStep{table: l.table, in: in, out: out}, in, out)
}
