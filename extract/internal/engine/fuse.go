package engine

import (
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A rewrite tries to simplify the net around one node and reports whether it did.
type rewrite func(g *net, n *node) bool

var rewrites = []rewrite{dropIdentity, mergeTransposes, sinkTranspose, gateToActivation, mergePad, mergeScale, mergeNorm, mergeFactor, uniformScale, writtenOut,
	writtenNorm, shareActivation, mergeQuantize, mergeActivation, mergeResidual}

// simplify applies the rewrites until none fits any more. Every one of them
// removes a node for good, moves a Transpose towards the end or makes a scale an
// activation, so it ends.
func (g *net) simplify() { g.simplifyWith(rewrites) }

func (g *net) simplifyWith(rewrites []rewrite) {
	for changed := true; changed; {
		changed = false
		for _, n := range g.nodes {
			for _, r := range rewrites {
				if g.alive(n) && r(g, n) {
					changed = true
				}
			}
		}
		g.sweep()
	}
}

// absorb gives n the operation of the node before it, merged with its own: the
// producer, which has no other reader, falls away. The work moves down to n's
// position, after everything that n reads.
func (g *net) absorb(n *node, op operation, inputs ...*value) {
	n.op = op
	n.keep(inputs...)
}

// producer returns the convolution that alone computes v for n, when its result
// is still a plain sum.
func (g *net) producer(v *value) (*node, *conv) {
	if v == nil || v.def == nil || !g.only(v) {
		return nil, nil
	}
	c, ok := v.def.op.(*conv)
	if !ok || c.Act.Func != kernel.Linear {
		return nil, nil
	}
	return v.def, c
}

func dropIdentity(g *net, n *node) bool {
	if _, ok := n.op.(*identity); !ok {
		return false
	}
	g.replace(n.out[0], n.in[0])
	return true
}

// gateToActivation turns x·sigmoid(x) into SiLU, and x·hardsigmoid(x) into
// HardSwish.
func gateToActivation(g *net, n *node) bool {
	b, ok := n.op.(*binary)
	if !ok || b.fn != '*' || b.act.Func != kernel.Linear {
		return false
	}
	for i, gate := range n.in {
		x := n.in[1-i]
		if gate.def == nil || !g.only(gate) || gate.def.in[0] != x {
			continue
		}
		a, ok := gate.def.op.(*activate)
		switch {
		case ok && a.Func == kernel.Sigmoid:
			g.absorb(n, &activate{Activation: kernel.Activation{Func: kernel.SiLU, A: 1}}, x)
			return true
		case ok && a.Func == kernel.HardSigmoid:
			g.absorb(n, &activate{Activation: kernel.Activation{Func: kernel.HardSwish, A: a.A, B: a.B}}, x)
			return true
		}
	}
	return false
}

// mergePad moves zero padding into the convolution that reads it.
func mergePad(g *net, n *node) bool {
	c, ok := n.op.(*conv)
	if !ok || c.axis != 1 || n.in[0].def == nil {
		return false
	}
	x := n.in[0]
	t, moved := x.def.op.(*transpose)
	if moved && x.def.in[0].def != nil && slices.Equal(t.perm, []int{0, 3, 1, 2}) {
		x = x.def.in[0]
	}
	p, ok := x.def.op.(*pad)
	if !ok || moved != (x != n.in[0]) || moved == (p.channel == 1) {
		return false
	}
	source := x.def.in[0]
	if moved { // the Transpose between the two moves before the padding
		shape := slices.Clone(n.in[0].shape)
		shape[2], shape[3] = source.shape[1], source.shape[2]
		source = g.insert(n, t, shape, source)
	}
	merged := *c
	merged.Pad = memory.Borders{Top: c.Pad.Top + p.Top, Left: c.Pad.Left + p.Left, Bottom: c.Pad.Bottom + p.Bottom, Right: c.Pad.Right + p.Right}
	g.absorb(n, &merged, append([]*value{source}, n.in[1:]...)...)
	return true
}

// mergeScale folds scale and shift by channel into the convolution before them:
// s·(Wx + b) + t = (sW)x + (sb + t).
func mergeScale(g *net, n *node) bool {
	s, ok := n.op.(*conv)
	if !ok || !s.scaling() || len(n.in) != 1 {
		return false
	}
	p, c := g.producer(n.in[0])
	if p == nil || len(p.in) != 1 || c.axis != s.axis || c.COut != s.CIn {
		return false
	}
	merged := *c
	merged.weight, merged.Bias, merged.Act = slices.Clone(c.weight), slices.Clone(s.Bias), s.Act
	per := len(c.weight) / c.COut
	for o, scale := range s.weight {
		merged.Bias[o] += float32(scale * c.Bias[o])
		for i := range per {
			merged.weight[o*per+i] *= scale
		}
	}
	g.absorb(n, &merged, p.in...)
	return true
}

// mergeActivation lets the convolution or addition before it apply an activation.
func mergeActivation(g *net, n *node) bool {
	a, ok := n.op.(*activate)
	if !ok {
		return false
	}
	if p, c := g.producer(n.in[0]); p != nil {
		merged := *c
		merged.Act = a.Activation
		g.absorb(n, &merged, p.in...)
		return true
	}
	if p := n.in[0].def; p != nil && g.only(n.in[0]) {
		if b, ok := p.op.(*binary); ok && b.act.Func == kernel.Linear {
			g.absorb(n, &binary{fn: b.fn, act: a.Activation}, p.in...)
			return true
		}
	}
	return false
}
