package engine

import "featstore/extract/internal/engine/exec"

// A byteMean averages bytes to floats, channel by channel.
type byteMean struct {
	mean  *spatialMean
	quant *quantParams // of the input

	noHalo
	separateInputs
	bytesOnly
	noCost
}

func (*byteMean) name() string { return "global average pooling of bytes" }

func (b *byteMean) assignOrders(a *orders, n *node) { b.mean.assignOrders(a, n) }

func (b *byteMean) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.ByteMean{Scale: b.quant.scale, Zero: b.quant.zeroPoint, In: in, Out: out}, in, out)
}
