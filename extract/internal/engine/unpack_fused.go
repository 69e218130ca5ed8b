package engine

import (
	"maps"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// ONNX Runtime's optimiser joins operators to ones of its own, and some exporters
// write these. They are written out as what they were joined from: then the rewrites
// of this package find what they know.

// unpackFused returns the graph with such operators written out, as far as known tells
// the types and shapes that takes.
func unpackFused(g *graph.Graph, known map[string]*tensor.Tensor) (_ *graph.Graph, changed bool) {
	u := &unpacker{graph: g, constants: known, names: map[string]bool{}}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			u.names[o] = true
		}
	}
	for _, n := range g.Nodes {
		u.current = n
		f, x, mark := fusions[n.Op], known[n.Input(0)], len(u.nodes)
		if n.Domain == "com.microsoft" && f != nil && x != nil && x.DType == tensor.Float32 && f(u, n) {
			changed = true
		} else {
			u.nodes = append(u.nodes[:mark], n)
		}
	}
	out := *g
	out.Nodes = u.nodes
	return &out, changed
}

var fusions = map[string]func(u *unpacker, n *graph.Node) bool{
	"FusedConv": (*unpacker).fusedConv, "FusedGemm": (*unpacker).fusedGemm,
	"FusedMatMul": (*unpacker).fusedMatMul, "TransposeMatMul": (*unpacker).fusedMatMul,
	"SkipLayerNormalization": (*unpacker).skipNorm,
	"Gelu":                   (*unpacker).biasedGelu, "BiasGelu": (*unpacker).biasedGelu, "FastGelu": (*unpacker).biasedGelu, "QuickGelu": (*unpacker).quickGelu,
	"Attention": (*unpacker).projectedAttention, "MultiHeadAttention": (*unpacker).multiHeadAttention,
}

// called gives a value the name that the node's first output has.
func (u *unpacker) called(x string) bool {
	u.nodes = append(u.nodes, &graph.Node{Name: u.current.Name, Op: "Identity", Inputs: []string{x}, Outputs: u.current.Outputs[:1]})
	return true
}

func (u *unpacker) number(v float32) string {
	return u.add("Constant", map[string]graph.Attr{"value": tensor.New([]float32{v}, []int{}...)})
}

// plus adds what may be absent.
func (u *unpacker) plus(x, summand string) string {
	if summand == "" {
		return x
	}
	return u.add("Add", nil, x, summand)
}

// without returns a node's attributes but for some.
func without(n *graph.Node, names ...string) map[string]graph.Attr {
	attrs := maps.Clone(n.Attrs)
	for _, name := range names {
		delete(attrs, name)
	}
	return attrs
}

func (u *unpacker) fusedConv(n *graph.Node) bool {
	params, _ := n.Attrs["activation_params"].([]float32)
	inputs := n.Inputs[:min(len(n.Inputs), 3)]
	y := u.plus(u.add("Conv", without(n, "activation", "activation_params"), inputs...), n.Input(3))
	return u.activated(y, params)
}

func (u *unpacker) fusedGemm(n *graph.Node) bool {
	var params []float32
	names := []string{"activation_alpha", "activation_beta", "activation_gamma"}
	for _, name := range names {
		if p, ok := n.Attrs[name].(float32); ok {
			params = append(params, p)
		}
	}
	return u.activated(u.add("Gemm", without(n, append(names, "activation")...), n.Inputs...), params)
}

// activated adds the activation that the node names.
func (u *unpacker) activated(x string, params []float32) bool {
	attrs := func(names ...string) map[string]graph.Attr {
		a := map[string]graph.Attr{}
		for i, name := range names {
			if i < len(params) {
				a[name] = params[i]
			}
		}
		return a
	}
	switch op := u.current.Text("activation", ""); op {
	case "":
		return u.called(x)
	case "Relu", "Sigmoid", "Tanh":
		return u.called(u.add(op, nil, x))
	case "LeakyRelu":
		return u.called(u.add(op, attrs("alpha"), x))
	case "HardSigmoid":
		return u.called(u.add(op, attrs("alpha", "beta"), x))
	case "Clip":
		if len(params) == 2 && u.graph.Opsets[""] >= 11 {
			return u.called(u.add(op, nil, x, u.number(params[0]), u.number(params[1])))
		}
	}
	return false
}

func (u *unpacker) fusedMatMul(n *graph.Node) bool {
	if n.Int("transBatchA", 0) != 0 || n.Int("transBatchB", 0) != 0 {
		return false
	}
	inputs := []string{n.Input(0), n.Input(1)}
	for i, name := range []string{"transA", "transB"} {
		x := u.constants[inputs[i]]
		if n.Int(name, 0) == 0 || x == nil || len(x.Shape) < 2 {
			continue
		}
		var perm []int64
		for axis := range x.Shape {
			perm = append(perm, int64(axis))
		}
		last := len(perm) - 1
		perm[last], perm[last-1] = perm[last-1], perm[last]
		inputs[i] = u.add("Transpose", map[string]graph.Attr{"perm": perm}, inputs[i])
	}
	y := u.add("MatMul", nil, inputs...)
	if alpha := n.Float("alpha", 1); alpha != 1 {
		y = u.add("Mul", nil, y, u.number(alpha))
	}
	return u.called(y)
}

// skipNorm has the sum that it normalises as its fourth result.
func (u *unpacker) skipNorm(n *graph.Node) bool {
	sum := u.plus(u.plus(n.Input(0), n.Input(1)), n.Input(4))
	for i, o := range n.Outputs[1:] {
		switch {
		case o == "":
		case i == 2:
			u.nodes = append(u.nodes, &graph.Node{Name: n.Name, Op: "Identity", Inputs: []string{sum}, Outputs: []string{o}})
		default:
			return false
		}
	}
	if n.Outputs[0] == "" {
		return true
	}
	attrs := maps.Clone(n.Attrs)
	if attrs == nil {
		attrs = map[string]graph.Attr{}
	}
	attrs["axis"] = int64(-1)
	inputs := []string{sum, n.Input(2)}
	if n.Input(3) != "" {
		inputs = append(inputs, n.Input(3))
	}
	return u.called(u.add("LayerNormalization", attrs, inputs...))
}

func (u *unpacker) biasedGelu(n *graph.Node) bool {
	attrs := map[string]graph.Attr{}
	if n.Op == "FastGelu" {
		attrs["approximate"] = "tanh"
	}
	return u.called(u.add("Gelu", attrs, u.plus(n.Input(0), n.Input(1))))
}

func (u *unpacker) quickGelu(n *graph.Node) bool {
	x := n.Input(0)
	scaled := u.add("Mul", nil, x, u.number(n.Float("alpha", 1.702)))
	return u.called(u.add("Mul", nil, x, u.add("Sigmoid", nil, scaled)))
}

// projectedAttention makes queries, keys and values itself, by one product.
func (u *unpacker) projectedAttention(n *graph.Node) bool {
	w := u.constants[n.Input(1)]
	if n.Input(3) != "" || n.Input(4) != "" || n.Int("do_rotary", 0) != 0 || w == nil || len(w.Shape) != 2 {
		return false
	}
	var sizes []int64
	for _, s := range n.Ints("qkv_hidden_sizes") {
		sizes = append(sizes, int64(s))
	}
	if sizes == nil {
		third := int64(w.Shape[1] / 3)
		sizes = []int64{third, third, third}
	}
	all := u.plus(u.add("MatMul", nil, n.Input(0), n.Input(1)), n.Input(2))
	return len(sizes) == 3 && u.heads(u.split(all, 2, sizes), n.Input(5))
}

func (u *unpacker) multiHeadAttention(n *graph.Node) bool {
	qkv := []string{n.Input(0), n.Input(1), n.Input(2)}
	var sizes []int64
	for _, name := range qkv {
		x := u.constants[name]
		if x == nil || len(x.Shape) != 3 {
			return false
		}
		sizes = append(sizes, int64(x.Shape[2]))
	}
	if n.Input(4) != "" || n.Input(6) != "" || n.Input(7) != "" {
		return false
	}
	if bias := n.Input(3); bias != "" {
		for i, part := range u.split(bias, 0, sizes) {
			qkv[i] = u.plus(qkv[i], part)
		}
	}
	return u.heads(qkv, n.Input(5))
}

// split cuts a value into parts of the given sizes.
func (u *unpacker) split(x string, axis int64, sizes []int64) []string {
	var parts []string
	for range sizes {
		parts = append(parts, u.fresh("Split"))
	}
	u.nodes = append(u.nodes, &graph.Node{Name: u.current.Name, Op: "Split", Inputs: []string{x}, Outputs: parts,
		Attrs: map[string]graph.Attr{"axis": axis, "split": sizes}})
	return parts
}

// heads adds the standard operator, with scores to add if there are some.
func (u *unpacker) heads(qkv []string, scores string) bool {
	n := u.current
	if len(n.Outputs) != 1 {
		return false
	}
	heads := int64(n.Int("num_heads", 0))
	attrs := map[string]graph.Attr{"q_num_heads": heads, "kv_num_heads": heads, "is_causal": int64(n.Int("unidirectional", 0))}
	if s := n.Float("scale", 0); s != 0 {
		attrs["scale"] = s
	}
	if scores != "" {
		qkv = append(qkv, scores)
	}
	return u.called(u.add("Attention", attrs, qkv...))
}
