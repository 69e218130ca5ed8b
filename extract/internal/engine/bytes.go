package engine

import (
	"slices"

	"featstore/extract/internal/kernel"
)

// Networks of 8-bit numbers compute on bytes where every value between is quantized. A
// value quantized lies in the arena as bytes; whatever has no form on bytes gets floats of
// them, and its result is rounded to bytes again.

// quantizes reports whether the network rounds values to 8 bits.
func (g *net) quantizes() bool {
	return slices.ContainsFunc(g.nodes, func(n *node) bool {
		a, ok := n.op.epilogue()
		return ok && a.Func == kernel.FakeQuantize
	})
}

// useBytes gives the nodes of a network of 8-bit numbers their forms on bytes.
func (g *net) useBytes() {
	b := &byteForms{net: g, floats: map[*value]*value{}}
	for _, n := range slices.Clone(g.nodes) {
		if len(n.out) == 1 && isFloat(n.out[0]) && !b.convert(n) {
			b.round(n)
		}
	}
	g.insertPending()
	for _, n := range g.nodes {
		b.dequantizeInputs(n)
	}
	g.sweep()
	b.dequantizeOutput()
}

type byteForms struct {
	net    *net
	floats map[*value]*value // what was made floats again
}

func sameQuantParams(all []*value) *quantParams {
	first := all[0].quant
	for _, v := range all {
		if first == nil || v.quant == nil || *v.quant != *first {
			return nil
		}
	}
	return first
}

// convert gives n its form on bytes, if it has one, and reports whether its result is bytes.
func (b *byteForms) convert(n *node) bool {
	op, quant := n.op.byteForm(b, n)
	if op != nil {
		n.op = op
	}
	n.out[0].quant = quant
	return quant != nil
}

// wanted reports whether some reader of v has a form on bytes if v is bytes.
func (b *byteForms) wanted(v *value) bool {
	return slices.ContainsFunc(v.users, func(n *node) bool { return n.op.wantsBytes(b, n) })
}

// requantized brings values quantized to another one, before n.
func (b *byteForms) requantized(n *node, all []*value, a kernel.Activation, out *quantParams) []*value {
	var same []*value
	for _, v := range all {
		if *v.quant != *out {
			w := b.net.insert(n, &lookup{table: v.quant.table(a)}, v.shape, v)
			w.quant = out
			v = w
		}
		same = append(same, v)
	}
	return same
}

// table applies functions, the last of them a quantisation, to every byte.
func (g *quantParams) table(functions ...kernel.Activation) (t [256]byte) {
	var x [256]float32
	for i := range x {
		x[i] = float32(int32(i)-g.zeroPoint) * g.scale
	}
	for i, a := range functions {
		if i == len(functions)-1 {
			kernel.Portable().Quantize(t[:], x[:], rounding(a))
		} else {
			kernel.ApplyExactly(a, x[:])
		}
	}
	return t
}

// round separates the rounding to bytes from a node that computes floats.
func (b *byteForms) round(n *node) {
	first, ok := n.op.epilogue()
	out := quantParamsOf(first)
	if !ok || out == nil || !b.wanted(n.out[0]) {
		return
	}
	x := b.net.insert(n, n.op.withEpilogue(kernel.Activation{}), n.out[0].shape, n.in...)
	n.op, n.out[0].quant = &quantize{QuantParams: rounding(first)}, out
	n.keep(x)
}

// dequantizeInputs makes floats of the bytes that n cannot read.
func (b *byteForms) dequantizeInputs(n *node) {
	if n.op.readsBytes(n) {
		return
	}
	for i, v := range n.in {
		if v != nil && v.quant != nil {
			n.setInput(i, b.float(n, v))
		}
	}
}

// float returns v as floats, for n and readers behind it.
func (b *byteForms) float(n *node, v *value) *value {
	if b.floats[v] == nil {
		x := b.net.insert(n, &dequantize{quant: v.quant}, v.shape, v)
		x.name, x.integer = v.name, v.integer
		b.floats[v] = x
	}
	return b.floats[v]
}

func (b *byteForms) dequantizeOutput() {
	g := b.net
	v := g.output
	if v.quant == nil {
		return
	}
	out := &value{name: v.name, dtype: v.dtype, integer: v.integer, shape: v.shape}
	n := &node{label: "output", op: &dequantize{quant: v.quant}, out: []*value{out}}
	out.def = n
	n.addInput(v)
	g.nodes, g.output = append(g.nodes, n), out
}
