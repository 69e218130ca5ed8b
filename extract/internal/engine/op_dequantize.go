package engine

import "featstore/extract/internal/engine/exec"

// A dequantize makes floats of bytes.
type dequantize struct {
	quant *quantParams

	keepsOrder
	noHalo
	separateInputs
	bytesOnly
	noCost
}

func (*dequantize) name() string { return "dequantization" }

func (d *dequantize) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.Dequantize{Scale: d.quant.scale, Zero: d.quant.zeroPoint, In: in, Out: out}, in, out)
}
