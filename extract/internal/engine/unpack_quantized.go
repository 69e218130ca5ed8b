package engine

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// The operators that take quantised tensors with their scales and zero points mean
// what the plain operator computes between DequantizeLinear and QuantizeLinear. So
// they are written out before anything else sees them.

// unpackQuantized returns the graph with such operators written out.
func unpackQuantized(g *graph.Graph) *graph.Graph {
	u := &unpacker{graph: g, constants: maps.Clone(g.Initializers), names: map[string]bool{}}
	changed := false
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			u.names[o] = true
		}
		if t := n.Tensor("value"); n.Op == "Constant" && t != nil && len(n.Outputs) == 1 {
			u.constants[n.Outputs[0]] = t
		}
	}
	for _, n := range g.Nodes {
		f := unpackings[n.Op]
		if n.Domain != "" && n.Domain != "com.microsoft" || f == nil || len(n.Outputs) != 1 || n.Int("channels_last", 0) != 0 {
			u.nodes = append(u.nodes, n)
			continue
		}
		u.current = n
		if mark := len(u.nodes); f(u, n) {
			changed = true
		} else {
			u.nodes = append(u.nodes[:mark], n)
		}
	}
	if !changed {
		return g
	}
	out := *g
	out.Nodes = u.nodes
	return &out
}

var unpackings = map[string]func(u *unpacker, n *graph.Node) bool{
	"QuantizeLinear": (*unpacker).plainDomain, "DequantizeLinear": (*unpacker).plainDomain,
	"QLinearConv": (*unpacker).conv, "QLinearMatMul": (*unpacker).matMul, "QGemm": (*unpacker).gemm,
	"QLinearAdd": (*unpacker).binary, "QLinearMul": (*unpacker).binary, "QLinearConcat": (*unpacker).concat,
	"QLinearAveragePool": (*unpacker).unary, "QLinearGlobalAveragePool": (*unpacker).unary,
	"QLinearLeakyRelu": (*unpacker).unary, "QLinearSigmoid": (*unpacker).unary,
}

// An unpacker writes out nodes.
type unpacker struct {
	graph     *graph.Graph
	constants map[string]*tensor.Tensor
	names     map[string]bool
	nodes     []*graph.Node
	current   *graph.Node // the one that is written out
}

func (u *unpacker) add(op string, attrs map[string]graph.Attr, inputs ...string) string {
	name := u.fresh(op)
	u.nodes = append(u.nodes, &graph.Node{Name: u.current.Name, Op: op, Inputs: inputs, Outputs: []string{name}, Attrs: attrs})
	return name
}

// fresh returns a name that no value has.
func (u *unpacker) fresh(op string) string {
	name := u.current.Outputs[0]
	for i := 0; u.names[name] || u.constants[name] != nil; i++ {
		name = fmt.Sprintf("%s/%s%d", u.current.Outputs[0], op, i)
	}
	u.names[name] = true
	return name
}

// numbers adds what a quantised tensor stands for, its parameters given for each
// place along an axis or once.
func (u *unpacker) numbers(x, scale, zero string, axis int) string {
	return u.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(axis)}, x, scale, zero)
}

// result quantises y under the name that the node's output has.
func (u *unpacker) result(y, scale, zero string) bool {
	u.nodes = append(u.nodes, &graph.Node{Name: u.current.Name, Op: "QuantizeLinear", Inputs: []string{y, scale, zero}, Outputs: u.current.Outputs})
	return true
}

// single reports whether the names are scales or zero points for all values.
func (u *unpacker) single(names ...string) bool {
	for _, name := range names {
		if t := u.constants[name]; t == nil || tensor.Len(t.Shape) != 1 {
			return false
		}
	}
	return true
}

// paired reports whether there is a zero point for each scale.
func (u *unpacker) paired(scale, zero string) bool {
	s, z := u.constants[scale], u.constants[zero]
	return s != nil && len(s.Shape) <= 1 && (zero == "" || z != nil && len(z.Shape) <= 1 && tensor.Len(z.Shape) == tensor.Len(s.Shape))
}

// plainDomain takes an operator for the one that has meanwhile become ONNX's own.
func (u *unpacker) plainDomain(n *graph.Node) bool {
	if n.Domain == "" {
		return false
	}
	m := *n
	m.Domain = ""
	u.nodes = append(u.nodes, &m)
	return true
}

func (u *unpacker) conv(n *graph.Node) bool {
	in := n.Input
	if !u.single(in(1), in(2), in(6), in(7)) || !u.paired(in(4), in(5)) {
		return false
	}
	inputs := []string{u.numbers(in(0), in(1), in(2), 0), u.numbers(in(3), in(4), in(5), 0)}
	if in(8) != "" {
		inputs = append(inputs, u.bias(in(8), in(1), in(4)))
	}
	attrs := maps.Clone(n.Attrs)
	delete(attrs, "channels_last")
	return u.result(u.add("Conv", attrs, inputs...), in(6), in(7))
}

// bias adds what int32 numbers in units of the products stand for.
func (u *unpacker) bias(b, scale, weightScale string) string {
	return u.numbers(b, u.add("Mul", nil, scale, weightScale), "", 0)
}

func (u *unpacker) matMul(n *graph.Node) bool {
	in := n.Input
	if !u.single(in(1), in(2), in(6), in(7)) || !u.paired(in(4), in(5)) {
		return false
	}
	y := u.add("MatMul", nil, u.numbers(in(0), in(1), in(2), 0), u.numbers(in(3), in(4), in(5), -1))
	return u.result(y, in(6), in(7))
}

func (u *unpacker) gemm(n *graph.Node) bool {
	in := n.Input
	if !u.single(in(1), in(2), in(7), in(8)) || !u.paired(in(4), in(5)) {
		return false
	}
	axis := 1
	if n.Int("transB", 0) != 0 {
		axis = 0
	}
	inputs := []string{u.numbers(in(0), in(1), in(2), 0), u.numbers(in(3), in(4), in(5), axis)}
	if in(6) != "" {
		inputs = append(inputs, u.bias(in(6), in(1), in(4)))
	}
	attrs := maps.Clone(n.Attrs)
	if alpha, ok := attrs["alpha"]; ok {
		attrs["beta"] = alpha // the bias is inside the factor
	}
	return u.result(u.add("Gemm", attrs, inputs...), in(7), in(8))
}

func (u *unpacker) binary(n *graph.Node) bool {
	in := n.Input
	if !u.single(in(1), in(2), in(4), in(5), in(6), in(7)) {
		return false
	}
	y := u.add(n.Op[len("QLinear"):], nil, u.numbers(in(0), in(1), in(2), 0), u.numbers(in(3), in(4), in(5), 0))
	return u.result(y, in(6), in(7))
}

func (u *unpacker) unary(n *graph.Node) bool {
	in := n.Input
	if !u.single(in(1), in(2), in(3), in(4)) {
		return false
	}
	return u.result(u.add(n.Op[len("QLinear"):], n.Attrs, u.numbers(in(0), in(1), in(2), 0)), in(3), in(4))
}

func (u *unpacker) concat(n *graph.Node) bool {
	if !u.single(n.Input(0), n.Input(1)) || len(n.Inputs)%3 != 2 {
		return false
	}
	var parts []string
	for group := range slices.Chunk(n.Inputs[2:], 3) {
		if !u.single(group[1], group[2]) {
			return false
		}
		parts = append(parts, u.numbers(group[0], group[1], group[2], 0))
	}
	return u.result(u.add("Concat", n.Attrs, parts...), n.Input(0), n.Input(1))
}
