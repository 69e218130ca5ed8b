package passes

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// DecomposeQuantized returns the graph with the operators on quantised tensors (those
// that take scales and zero points, such as QLinearConv) replaced by what they mean: the
// plain operator between DequantizeLinear and QuantizeLinear.
func DecomposeQuantized(g *graph.Graph) *graph.Graph {
	d := &decomposer{graph: g, constants: maps.Clone(g.Initializers), names: map[string]bool{}}
	changed := false
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			d.names[o] = true
		}
		if t := n.Tensor("value"); n.Op == "Constant" && t != nil && len(n.Outputs) == 1 {
			d.constants[n.Outputs[0]] = t
		}
	}
	for _, n := range g.Nodes {
		f := quantizedDecompositions[n.Op]
		if n.Domain != "" && n.Domain != "com.microsoft" || f == nil || len(n.Outputs) != 1 || n.Int("channels_last", 0) != 0 {
			d.nodes = append(d.nodes, n)
			continue
		}
		d.current = n
		if mark := len(d.nodes); f(d, n) {
			changed = true
		} else {
			d.nodes = append(d.nodes[:mark], n)
		}
	}
	if !changed {
		return g
	}
	out := *g
	out.Nodes = d.nodes
	return &out
}

var quantizedDecompositions = map[string]func(d *decomposer, n *graph.Node) bool{
	"QuantizeLinear": (*decomposer).plainDomain, "DequantizeLinear": (*decomposer).plainDomain,
	"QLinearConv": (*decomposer).conv, "QLinearMatMul": (*decomposer).matMul, "QGemm": (*decomposer).gemm,
	"QLinearAdd": (*decomposer).binary, "QLinearMul": (*decomposer).binary, "QLinearConcat": (*decomposer).concat,
	"QLinearAveragePool": (*decomposer).unary, "QLinearGlobalAveragePool": (*decomposer).unary,
	"QLinearLeakyRelu": (*decomposer).unary, "QLinearSigmoid": (*decomposer).unary,
}

// dequantized adds the real values of a quantised tensor, whose scale and zero point are
// given once or for each place along an axis.
func (d *decomposer) dequantized(x, scale, zero string, axis int) string {
	return d.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(axis)}, x, scale, zero)
}

// quantized adds y, quantised, under the name of the node's output.
func (d *decomposer) quantized(y, scale, zero string) bool {
	d.nodes = append(d.nodes, &graph.Node{Name: d.current.Name, Op: "QuantizeLinear", Inputs: []string{y, scale, zero}, Outputs: d.current.Outputs})
	return true
}

// single reports whether each name is a scale or zero point for a whole tensor.
func (d *decomposer) single(names ...string) bool {
	for _, name := range names {
		if t := d.constants[name]; t == nil || tensor.Len(t.Shape) != 1 {
			return false
		}
	}
	return true
}

// paired reports whether there is a zero point for each scale.
func (d *decomposer) paired(scale, zero string) bool {
	s, z := d.constants[scale], d.constants[zero]
	return s != nil && len(s.Shape) <= 1 && (zero == "" || z != nil && len(z.Shape) <= 1 && tensor.Len(z.Shape) == tensor.Len(s.Shape))
}

// plainDomain replaces an operator of ONNX Runtime by the one of ONNX with the same name.
func (d *decomposer) plainDomain(n *graph.Node) bool {
	if n.Domain == "" {
		return false
	}
	m := *n
	m.Domain = ""
	d.nodes = append(d.nodes, &m)
	return true
}

func (d *decomposer) conv(n *graph.Node) bool {
	in := n.Input
	if !d.single(in(1), in(2), in(6), in(7)) || !d.paired(in(4), in(5)) {
		return false
	}
	inputs := []string{d.dequantized(in(0), in(1), in(2), 0), d.dequantized(in(3), in(4), in(5), 0)}
	if in(8) != "" {
		inputs = append(inputs, d.bias(in(8), in(1), in(4)))
	}
	attrs := maps.Clone(n.Attrs)
	delete(attrs, "channels_last")
	return d.quantized(d.add("Conv", attrs, inputs...), in(6), in(7))
}

// bias adds the real values of an int32 bias: its scale is the product of the others.
func (d *decomposer) bias(b, scale, weightScale string) string {
	return d.dequantized(b, d.add("Mul", nil, scale, weightScale), "", 0)
}

func (d *decomposer) matMul(n *graph.Node) bool {
	in := n.Input
	if !d.single(in(1), in(2), in(6), in(7)) || !d.paired(in(4), in(5)) {
		return false
	}
	y := d.add("MatMul", nil, d.dequantized(in(0), in(1), in(2), 0), d.dequantized(in(3), in(4), in(5), -1))
	return d.quantized(y, in(6), in(7))
}

func (d *decomposer) gemm(n *graph.Node) bool {
	in := n.Input
	if !d.single(in(1), in(2), in(7), in(8)) || !d.paired(in(4), in(5)) {
		return false
	}
	axis := 1
	if n.Int("transB", 0) != 0 {
		axis = 0
	}
	inputs := []string{d.dequantized(in(0), in(1), in(2), 0), d.dequantized(in(3), in(4), in(5), axis)}
	if in(6) != "" {
		inputs = append(inputs, d.bias(in(6), in(1), in(4)))
	}
	attrs := maps.Clone(n.Attrs)
	if alpha, ok := attrs["alpha"]; ok {
		attrs["beta"] = alpha // the bias is inside the factor
	}
	return d.quantized(d.add("Gemm", attrs, inputs...), in(7), in(8))
}

func (d *decomposer) binary(n *graph.Node) bool {
	in := n.Input
	if !d.single(in(1), in(2), in(4), in(5), in(6), in(7)) {
		return false
	}
	y := d.add(n.Op[len("QLinear"):], nil, d.dequantized(in(0), in(1), in(2), 0), d.dequantized(in(3), in(4), in(5), 0))
	return d.quantized(y, in(6), in(7))
}

func (d *decomposer) unary(n *graph.Node) bool {
	in := n.Input
	if !d.single(in(1), in(2), in(3), in(4)) {
		return false
	}
	return d.quantized(d.add(n.Op[len("QLinear"):], n.Attrs, d.dequantized(in(0), in(1), in(2), 0)), in(3), in(4))
}

func (d *decomposer) concat(n *graph.Node) bool {
	if !d.single(n.Input(0), n.Input(1)) || len(n.Inputs)%3 != 2 {
		return false
	}
	var parts []string
	for group := range slices.Chunk(n.Inputs[2:], 3) {
		if !d.single(group[1], group[2]) {
			return false
		}
		parts = append(parts, d.dequantized(group[0], group[1], group[2], 0))
	}
	return d.quantized(d.add("Concat", n.Attrs, parts...), n.Input(0), n.Input(1))
}
