package engine

import (
	"math"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
)

// An activate applies a function to every element.
type activate struct {
	kernel.Activation

	keepsOrder
	noConstants
	noHalo
	overwritesFirst
	ownResult
	neverView
	noCost
	noParameters
}

// activations makes the activation of each operator from its attributes; ok is
// false when its parameters are not constants.
var activations = map[string]func(n *node, src *graph.Node) (kernel.Activation, bool){
	"Relu": func(*node, *graph.Node) (kernel.Activation, bool) { return kernel.ReLU, true },
	"Clip": clipOf,
	"LeakyRelu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.Leaky, A: s.Float("alpha", 0.01)}, true
	},
	"Sigmoid":  plainActivation(kernel.Sigmoid),
	"Tanh":     plainActivation(kernel.Tanh),
	"Softplus": plainActivation(kernel.Softplus),
	"Exp":      plainActivation(kernel.Exp),
	"Sqrt":     plainActivation(kernel.Sqrt),
	"Erf":      plainActivation(kernel.Erf),
	"Abs":      plainActivation(kernel.Abs),
	"Mish":     plainActivation(kernel.Mish),
	"HardSigmoid": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.HardSigmoid, A: s.Float("alpha", 0.2), B: s.Float("beta", 0.5)}, true
	},
	"HardSwish": func(*node, *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.HardSwish, A: 1.0 / 6, B: 0.5}, true
	},
	"Elu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		return kernel.Activation{Func: kernel.ELU, A: s.Float("alpha", 1)}, true
	},
	"Gelu": func(_ *node, s *graph.Node) (kernel.Activation, bool) {
		if s.Text("approximate", "none") == "tanh" {
			return kernel.Activation{Func: kernel.GELUTanh}, true
		}
		return kernel.Activation{Func: kernel.GELU}, true
	},
}

func plainActivation(f kernel.Function) func(*node, *graph.Node) (kernel.Activation, bool) {
	return func(*node, *graph.Node) (kernel.Activation, bool) { return kernel.Activation{Func: f}, true }
}

func lowerActivation(n *node, src *graph.Node, _ int64) operation {
	a, ok := activations[src.Op](n, src)
	if !ok || !dynamic(n.in[0]) {
		return nil
	}
	n.keep(n.in[0])
	return &activate{Activation: a}
}

// clipOf reads the bounds from inputs (opset 11 and later) or attributes.
func clipOf(n *node, src *graph.Node) (kernel.Activation, bool) {
	inf := float32(math.Inf(1))
	a := kernel.Activation{Func: kernel.Clip, A: src.Float("min", -inf), B: src.Float("max", inf)}
	for i, bound := range []*float32{&a.A, &a.B} {
		if i+1 >= len(n.in) || n.in[i+1] == nil {
			continue
		}
		v, ok := floats(n.in[i+1])
		if !ok || len(v) != 1 {
			return a, false
		}
		*bound = v[0]
	}
	return a, a.A <= a.B
}

func (*activate) name() string { return "activation" }

func (a *activate) beforeTranspose(*node, []int) operation { return a }

func (a *activate) epilogue() (kernel.Activation, bool) { return a.Activation, true }

func (*activate) withEpilogue(a kernel.Activation) operation { return &activate{Activation: a} }

// byteForm: what only scales and shifts are the same bytes.
func (a *activate) byteForm(b *byteForms, n *node) (operation, *quantParams) {
	in, out := n.in[0].quant, quantParamsOf(a.Activation)
	switch {
	case in == nil && out != nil:
		return a.rounded(b, n, out)
	case in == nil:
		return nil, nil
	case out != nil:
		return &lookup{table: in.table(a.Activation)}, out
	}
	if again := in.relabelled(a.Activation); again != nil {
		return &reshape{}, again
	}
	return nil, nil
}

// rounded rounds floats to bytes: those of another function of bytes by a table, those
// of joined bytes part by part.
func (a *activate) rounded(b *byteForms, n *node, out *quantParams) (operation, *quantParams) {
	if d := n.in[0].def; d != nil && d.in[0] != nil && d.in[0].quant != nil {
		if first, ok := d.op.(*activate); ok {
			table := d.in[0].quant.table(first.Activation, a.Activation)
			n.keep(d.in[0])
			return &lookup{table: table}, out
		}
		if joined := concatOfBytes(d); joined != nil && b.net.only(n.in[0]) {
			n.keep(b.requantized(n, d.in, a.Activation, out)...)
			return joined, out
		}
	}
	if !b.wanted(n.out[0]) {
		return nil, nil
	}
	return &quantize{QuantParams: rounding(a.Activation)}, out
}

func (a *activate) wantsBytes(b *byteForms, n *node) bool {
	return a.Func == kernel.Affine && b.wanted(n.out[0])
}

func (*activate) readsBytes(*node) bool { return false }

func (a *activate) emit(p *planner, n *node) {
	out := n.out[0].view
	p.copy(n.label, n.in[0].view, out)
	p.emit(n.label, &exec.Activate{Act: a.Activation, X: out}, out)
}

// gradient: dx is dy times the function's derivative at x.
func (a *activate) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], b.add(&activateGradient{act: a.Activation}, dy.shape, dy, n.in[0]))
	return nil
}
