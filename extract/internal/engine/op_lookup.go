package engine

import "featstore/extract/internal/engine/exec"

// A lookup replaces every byte by another one.
type lookup struct {
	table [256]byte

	keepsOrder
	noHalo
	overwritesFirst
	bytesOnly
	noCost
}

func (*lookup) name() string { return "table of bytes" }

func (l *lookup) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.Lookup{Table: l.table, In: in, Out: out}, in, out)
}
