package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/kernel"
)

// A quantize rounds floats to bytes.
type quantize struct {
	kernel.QuantParams

	keepsOrder
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noGradient
}

func (*quantize) name() string { return "quantization" }

func (q *quantize) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	p.emit(n.label, &exec.Quantize{Quant: q.QuantParams, In: in, Out: out}, in, out)
}
