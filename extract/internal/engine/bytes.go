package engine

import (
	"slices"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// Networks of 8-bit numbers compute on bytes where every value between is quantized
// and the set has products of bytes. A value quantized lies in the arena as bytes;
// whatever has no form on bytes gets floats of them, and its result is rounded to
// bytes again.

// A byteConv is a convolution, or fully connected layer, from bytes to bytes.
type byteConv struct {
	*conv
	weights *kernel.ByteWeights
	zero    int32 // of the input
	quant   kernel.QuantParams
}

// A byteBinary adds or multiplies two values quantized. As in a binary, the second one
// may be the same for all pixels of an image.
type byteBinary struct {
	fn byte // '+' or '*'
	kernel.ByteBinary
}

// A bytePool takes the largest byte of windows.
type bytePool struct{ *pool }

// A byteMean averages bytes to floats, channel by channel.
type byteMean struct {
	*spatialMean
	quant *quantParams
}

// A quantize rounds floats to bytes.
type quantize struct{ kernel.QuantParams }

// A dequantize makes floats of bytes.
type dequantize struct{ quant *quantParams }

// A lookup replaces every byte by another one.
type lookup struct{ table [256]byte }

// worthBytes reports whether the convolutions run faster by products of bytes, so many
// times as fast as those of floats, than by the algorithms that they have on floats.
func (g *net) worthBytes(speed float64) bool {
	if speed == 0 || speed >= 4 { // no algorithm saves as much
		return speed > 0
	}
	onBytes, onFloats := 0.0, 0.0
	for _, n := range g.nodes {
		c, ok := n.op.(*conv)
		if !ok {
			continue
		}
		direct, best := c.costs(n.in[0].shape, n.out[0].shape)
		onFloats += best
		if w, _, ok := c.wholeWeights(); ok && quantParamsOf(c.act) != nil {
			_, segments := signedBytes(w, len(w)/c.cout)
			onBytes += direct / speed * float64(segments)
		} else {
			onBytes += best
		}
	}
	return onBytes < onFloats
}

// costs returns the cycles of a convolution on floats by the direct method, and by the
// best one.
func (c *conv) costs(in, out []int) (direct, best float64) {
	direct = float64(tensor.Len(out)/c.cout) * float64(len(c.weight)) / macsPerCycle
	if f := *c; c.winogradFits() && len(out) == 4 {
		if f.choose(in[0]*out[2], out[2], out[3], out[0]); f.winograd != nil {
			return direct, f.winograd.cost(&f, out[3], out[0])
		}
	}
	return direct, direct
}

// useBytes gives the nodes of a network of 8-bit numbers their forms on bytes.
func (g *net) useBytes() {
	b := &byter{net: g, floats: map[*value]*value{}}
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

type byter struct {
	net    *net
	floats map[*value]*value // what was made floats again
}

// convert gives n a form on bytes, if it has one.
func (b *byter) convert(n *node) bool {
	out := n.out[0]
	switch op := n.op.(type) {
	case *conv:
		n.op, out.quant = b.conv(n, op)
	case *binary:
		n.op, out.quant = b.binary(n, op)
	case *activate:
		n.op, out.quant = b.activate(n, op)
	case *pool:
		if in := n.in[0].quant; in != nil && op.max && op.inside(n.in[0].shape, n.out[0].shape) {
			n.op, out.quant = &bytePool{op}, in
		}
	case *spatialMean:
		if in := n.in[0].quant; in != nil && !op.max {
			n.op = &byteMean{op, in}
		}
	case *reshape, *transpose:
		out.quant = n.in[0].quant
	case *concat:
		out.quant = sameQuantParams(n.in)
	}
	return out.quant != nil
}

// inside reports whether every window has a pixel of the image.
func (p *pool) inside(in, out []int) bool {
	begin := [2]int{p.pad.top, p.pad.left}
	for i := 2; i < len(in); i++ {
		axis := i + 2 - len(in)
		if begin[axis] >= p.kernel[axis] || (out[i]-1)*p.stride[axis]-begin[axis] >= in[i] {
			return false
		}
	}
	return p.dilation == [2]int{1, 1}
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

func (b *byter) conv(n *node, c *conv) (operation, *quantParams) {
	in, out := n.in[0].quant, quantParamsOf(c.act)
	if in == nil || out == nil || len(n.in) > 1 || !c.pad.zero() && !in.padded() {
		return c, nil
	}
	if !c.depthwise() {
		c = c.joinGroups(byteLanes)
	}
	w := c.byteWeights(in)
	if w == nil {
		return n.op, nil
	}
	return &byteConv{conv: c, weights: w, zero: in.zero, quant: rounding(c.act)}, out
}

// byteLanes is how many outputs the narrowest product of bytes computes at once.
const byteLanes = 16

func (b *byter) binary(n *node, op *binary) (operation, *quantParams) {
	x, y, out := n.in[0].quant, n.in[1].quant, quantParamsOf(op.act)
	if x == nil || y == nil || out == nil {
		return op, nil
	}
	r := rounding(op.act)
	largest := x.largest() + y.largest()
	switch op.fn {
	case '+':
	case '*':
		largest = x.largest() * y.largest()
	default:
		return op, nil
	}
	if largest > kernel.MaxSum/2*r.Scale {
		return op, nil
	}
	return &byteBinary{op.fn, kernel.ByteBinary{ZeroPointA: float32(x.zero), ScaleA: x.unit, ZeroPointB: float32(y.zero), ScaleB: y.unit,
		Scale: r.Scale, ZeroPoint: r.ZeroPoint, Max: r.Max}}, out
}

// activate: what only scales and shifts are the same bytes.
func (b *byter) activate(n *node, op *activate) (operation, *quantParams) {
	in, out := n.in[0].quant, quantParamsOf(op.Activation)
	switch {
	case in == nil && out != nil:
		return b.rounded(n, op, out)
	case in == nil:
		return op, nil
	case out != nil:
		return &lookup{in.table(op.Activation)}, out
	}
	if again := in.relabelled(op.Activation); again != nil {
		return &reshape{}, again
	}
	return op, nil
}

// rounded rounds floats to bytes: those of another function of bytes by a table, those
// of joined bytes part by part.
func (b *byter) rounded(n *node, op *activate, out *quantParams) (operation, *quantParams) {
	if d := n.in[0].def; d != nil && d.in[0] != nil && d.in[0].quant != nil {
		switch first := d.op.(type) {
		case *activate:
			table := d.in[0].quant.table(first.Activation, op.Activation)
			n.keep(d.in[0])
			return &lookup{table}, out
		case *concat:
			if !slices.ContainsFunc(d.in, func(v *value) bool { return v.quant == nil }) && b.net.only(n.in[0]) {
				n.keep(b.requantized(n, d.in, op.Activation, out)...)
				return first, out
			}
		}
	}
	if !b.wanted(n.out[0]) {
		return op, nil
	}
	return &quantize{rounding(op.Activation)}, out
}

// requantized brings values quantized to another one, before n.
func (b *byter) requantized(n *node, all []*value, a kernel.Activation, out *quantParams) []*value {
	var same []*value
	for _, v := range all {
		if *v.quant != *out {
			w := b.net.insert(n, &lookup{v.quant.table(a)}, v.shape, v)
			w.quant = out
			v = w
		}
		same = append(same, v)
	}
	return same
}

// table computes what functions, the last of them a quantisation, make of every byte.
func (g *quantParams) table(functions ...kernel.Activation) (t [256]byte) {
	var x [256]float32
	for i := range x {
		x[i] = float32(int32(i)-g.zero) * g.unit
	}
	for i, a := range functions {
		if i == len(functions)-1 {
			kernel.Portable().Quantize(t[:], x[:], rounding(a))
		} else {
			kernel.Portable().Apply(a, x[:])
		}
	}
	return t
}

// wanted reports whether some reader of v has a form on bytes once v lies so.
func (b *byter) wanted(v *value) bool {
	return slices.ContainsFunc(v.users, func(n *node) bool {
		switch op := n.op.(type) {
		case *conv:
			return len(n.in) == 1 && op.act.Func == kernel.FakeQuantize
		case *binary:
			return (op.fn == '+' || op.fn == '*') && op.act.Func == kernel.FakeQuantize
		case *pool:
			return op.max && b.wanted(n.out[0])
		case *spatialMean:
			return !op.max
		case *reshape, *transpose, *concat:
			return b.wanted(n.out[0])
		case *activate:
			return op.Func == kernel.Affine && b.wanted(n.out[0])
		}
		return false
	})
}

// round separates the rounding to bytes from a node that computes floats.
func (b *byter) round(n *node) {
	first, with := epilogue(n.op)
	out := quantParamsOf(first)
	if _, ok := n.op.(*activate); ok || with == nil || out == nil || !b.wanted(n.out[0]) {
		return
	}
	x := b.net.insert(n, with(kernel.Activation{}), n.out[0].shape, n.in...)
	n.op, n.out[0].quant = &quantize{rounding(first)}, out
	n.keep(x)
}

// takesBytes reports whether an operation reads bytes.
func takesBytes(op operation) bool {
	switch op.(type) {
	case *byteConv, *byteBinary, *bytePool, *byteMean, *lookup, *dequantize:
		return true
	}
	return false
}

// dequantizeInputs makes floats of the bytes that n cannot read.
func (b *byter) dequantizeInputs(n *node) {
	if takesBytes(n.op) || n.out[0].quant != nil && !isQuantize(n.op) {
		return
	}
	for i, v := range n.in {
		if v != nil && v.quant != nil {
			n.setInput(i, b.float(n, v))
		}
	}
}

func isQuantize(op operation) bool {
	_, ok := op.(*quantize)
	return ok
}

// float returns v as floats, for n and readers behind it.
func (b *byter) float(n *node, v *value) *value {
	if b.floats[v] == nil {
		x := b.net.insert(n, &dequantize{v.quant}, v.shape, v)
		x.name, x.whole = v.name, v.whole
		b.floats[v] = x
	}
	return b.floats[v]
}

func (b *byter) dequantizeOutput() {
	g := b.net
	v := g.output
	if v.quant == nil {
		return
	}
	out := &value{name: v.name, dtype: v.dtype, whole: v.whole, shape: v.shape}
	n := &node{label: "output", op: &dequantize{v.quant}, out: []*value{out}}
	out.def = n
	n.addInput(v)
	g.nodes, g.output = append(g.nodes, n), out
}
