package engine

import (
	"math"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// Exporters write many activations out in elementary operators. These rewrites
// recognise them.

// uniformScale turns a scale that is the same for all channels, and that no
// convolution before it could take, into an activation: that needs no order of
// axes.
func uniformScale(g *net, n *node) bool {
	c, ok := n.op.(*conv)
	if !ok || !c.scaling() || len(n.in) != 1 || c.Act.Func != kernel.Linear {
		return false
	}
	if p, _ := g.producer(n.in[0]); p != nil {
		return false // mergeScale may still come
	}
	if !c.uniform() {
		return false
	}
	n.op = &activate{Activation: kernel.Activation{Func: kernel.Affine, A: c.weight[0], B: c.Bias[0]}}
	return true
}

// applied returns what v is the activation of, when v is only read once.
func (g *net) applied(v *value, f kernel.Function, a, b float64) *value {
	if v == nil || v.def == nil || !g.only(v) {
		return nil
	}
	op, ok := v.def.op.(*activate)
	near := func(x float32, y float64) bool { return math.Abs(float64(x)-y) <= 1e-3*math.Max(1, math.Abs(y)) }
	if !ok || op.Func != f || !near(op.A, a) || !near(op.B, b) {
		return nil
	}
	return v.def.in[0]
}

// factors returns the operands of a product that is only read once.
func (g *net) factors(v *value) []*value {
	if v == nil || v.def == nil || !g.only(v) {
		return nil
	}
	return product(v.def)
}

func product(n *node) []*value {
	if b, ok := n.op.(*binary); ok && b.fn == '*' && b.act.Func == kernel.Linear {
		return n.in
	}
	return nil
}

// geluGate returns x when v is 1 + erf(x/√2).
func (g *net) geluGate(v *value) *value {
	return g.applied(g.applied(g.applied(v, kernel.Affine, 1, 1), kernel.Erf, 0, 0), kernel.Affine, 1/math.Sqrt2, 0)
}

// clipGate returns x when v is min(max(x + 3, 0), 6).
func (g *net) clipGate(v *value) *value {
	return g.applied(g.applied(v, kernel.Clip, 0, 6), kernel.Affine, 1, 3)
}

// writtenOut recognises (x·(1 + erf(x/√2)))·½, with the half also at x, and
// x·clip(x + 3, 0, 6)/6 with the sixth also at the clip.
func writtenOut(g *net, n *node) bool {
	hard := kernel.Activation{Func: kernel.HardSigmoid, A: 1.0 / 6, B: 0.5}
	if a, ok := n.op.(*activate); ok && a.Func == kernel.Affine && a.B == 0 {
		for i, x := range g.factors(n.in[0]) {
			gate := n.in[0].def.in[1-i]
			switch {
			case a.A == 0.5 && g.geluGate(gate) == x:
				g.absorb(n, &activate{Activation: kernel.Activation{Func: kernel.GELU}}, x)
				return true
			case math.Abs(float64(a.A)-1.0/6) < 1e-4 && g.clipGate(gate) == x:
				g.absorb(n, &activate{Activation: kernel.Activation{Func: kernel.HardSwish, A: hard.A, B: hard.B}}, x)
				return true
			}
		}
		if x := g.clipGate(n.in[0]); x != nil && math.Abs(float64(a.A)-1.0/6) < 1e-4 {
			g.absorb(n, &activate{Activation: hard}, x)
			return true
		}
	}
	for i, half := range product(n) {
		if x := g.applied(half, kernel.Affine, 0.5, 0); x != nil && g.geluGate(n.in[1-i]) == x {
			g.absorb(n, &activate{Activation: kernel.Activation{Func: kernel.GELU}}, x)
			return true
		}
	}
	return false
}

// mergeNorm moves scale and shift by channel into the layer normalisation before.
func mergeNorm(g *net, n *node) bool {
	c, ok := n.op.(*conv)
	if !ok || !c.scaling() || len(n.in) != 1 || c.Act.Func != kernel.Linear || n.in[0].def == nil || !g.only(n.in[0]) {
		return false
	}
	r, ok := n.in[0].def.op.(*rowwise)
	if !ok || r.scale == nil || c.axis != len(n.in[0].shape)-1 {
		return false
	}
	merged := &rowwise{epsilon: r.epsilon, scale: make([]float32, c.COut), shift: make([]float32, c.COut)}
	for i := range c.COut {
		merged.scale[i], merged.shift[i] = r.scale[i]*c.weight[i], c.Bias[i]
		if r.shift != nil {
			merged.shift[i] += float32(r.shift[i] * c.weight[i])
		}
	}
	g.absorb(n, merged, n.in[0].def.in[0])
	return true
}

// writtenNorm recognises d/√(mean(d²) + ε) with d = x − mean(x) along the last
// axis: layer normalisation as exporters wrote it before opset 17.
func writtenNorm(g *net, n *node) bool {
	if !isBinary(n, '/', "Div") {
		return false
	}
	d := n.in[0]
	if d.def == nil || !isBinary(d.def, '-', "Sub") || len(d.users) > 3 {
		return false
	}
	x := d.def.in[0]
	square, epsilon := g.varianceOf(n.in[1])
	if square == nil || lastMean(d.def.in[1]) != x || !squares(square, d) {
		return false
	}
	c := x.shape[len(x.shape)-1]
	scale := make([]float32, c)
	for i := range scale {
		scale[i] = 1
	}
	g.absorb(n, &rowwise{scale: scale, epsilon: epsilon}, x)
	return true
}

func isReference(n *node, op string) bool {
	if n == nil {
		return false
	}
	r, ok := n.op.(*reference)
	return ok && r.src.Op == op && r.src.Domain == ""
}

// isBinary reports whether n is a plain binary, or the reference operator for one
// whose second operand repeats along the last axis.
func isBinary(n *node, fn byte, op string) bool {
	b, ok := n.op.(*binary)
	return ok && b.fn == fn && b.act.Func == kernel.Linear || isReference(n, op)
}

// varianceOf returns p and ε when v is √(mean(p) + ε).
func (g *net) varianceOf(v *value) (*value, float32) {
	v = g.applied(v, kernel.Sqrt, 0, 0)
	if v == nil || v.def == nil || !g.only(v) {
		return nil, 0
	}
	a, ok := v.def.op.(*activate)
	if !ok || a.Func != kernel.Affine || a.A != 1 {
		return nil, 0
	}
	return lastMean(v.def.in[0]), a.B
}

// lastMean returns x when v is the mean of x along its last axis, which stays.
func lastMean(v *value) *value {
	if v == nil || v.def == nil {
		return nil
	}
	if m, ok := v.def.op.(*spatialMean); (!ok || m.max) && !isReference(v.def, "ReduceMean") {
		return nil
	}
	x := v.def.in[0]
	rank := len(x.shape)
	if len(v.shape) != rank || v.shape[rank-1] != 1 || tensor.Len(v.shape) != tensor.Len(x.shape[:rank-1]) {
		return nil
	}
	return x
}

// squares reports whether v is d².
func squares(v, d *value) bool {
	if v.def == nil {
		return false
	}
	if in := product(v.def); in != nil {
		return in[0] == d && in[1] == d
	}
	return false
}

// mergeFactor lets softmax multiply its input; a shift of all changes nothing.
func mergeFactor(g *net, n *node) bool {
	r, ok := n.op.(*rowwise)
	if !ok || r.scale != nil || n.in[0].def == nil || !g.only(n.in[0]) {
		return false
	}
	a, ok := n.in[0].def.op.(*activate)
	if !ok || a.Func != kernel.Affine || a.A <= 0 {
		return false
	}
	g.absorb(n, &rowwise{factor: r.factor * a.A}, n.in[0].def.in[0])
	return true
}
