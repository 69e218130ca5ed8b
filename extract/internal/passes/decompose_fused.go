package passes

import (
	"maps"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// DecomposeFused returns the graph with the fused operators of ONNX Runtime, which its
// optimiser and some exporters write, replaced by the standard operators that they were
// fused from: the engine knows patterns of those. A node stays as it is if known lacks
// the types and shapes that its replacement needs.
func DecomposeFused(g *graph.Graph, known map[string]*tensor.Tensor) (_ *graph.Graph, changed bool) {
	d := &decomposer{graph: g, constants: known, names: map[string]bool{}}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			d.names[o] = true
		}
	}
	for _, n := range g.Nodes {
		d.current = n
		f, x, mark := fusedDecompositions[n.Op], known[n.Input(0)], len(d.nodes)
		if n.Domain == "com.microsoft" && f != nil && x != nil && x.DType == tensor.Float32 && f(d, n) {
			changed = true
		} else {
			d.nodes = append(d.nodes[:mark], n)
		}
	}
	out := *g
	out.Nodes = d.nodes
	return &out, changed
}

var fusedDecompositions = map[string]func(d *decomposer, n *graph.Node) bool{
	"FusedConv": (*decomposer).fusedConv, "FusedGemm": (*decomposer).fusedGemm,
	"FusedMatMul": (*decomposer).fusedMatMul, "TransposeMatMul": (*decomposer).fusedMatMul,
	"SkipLayerNormalization": (*decomposer).skipNorm,
	"Gelu":                   (*decomposer).biasedGelu, "BiasGelu": (*decomposer).biasedGelu, "FastGelu": (*decomposer).biasedGelu,
	"QuickGelu": (*decomposer).quickGelu,
	"Attention": (*decomposer).projectedAttention, "MultiHeadAttention": (*decomposer).multiHeadAttention,
}

// FusedOperator reports whether op is one that DecomposeFused knows.
func FusedOperator(op string) bool { return fusedDecompositions[op] != nil }

// named gives a value the name of the node's first output.
func (d *decomposer) named(x string) bool {
	d.nodes = append(d.nodes, &graph.Node{Name: d.current.Name, Op: "Identity", Inputs: []string{x}, Outputs: d.current.Outputs[:1]})
	return true
}

func (d *decomposer) number(v float32) string {
	return d.add("Constant", map[string]graph.Attr{"value": tensor.New([]float32{v}, []int{}...)})
}

// plus adds a summand that may be absent.
func (d *decomposer) plus(x, summand string) string {
	if summand == "" {
		return x
	}
	return d.add("Add", nil, x, summand)
}

// without returns a node's attributes except some.
func without(n *graph.Node, names ...string) map[string]graph.Attr {
	attrs := maps.Clone(n.Attrs)
	for _, name := range names {
		delete(attrs, name)
	}
	return attrs
}

func (d *decomposer) fusedConv(n *graph.Node) bool {
	params, _ := n.Attrs["activation_params"].([]float32)
	inputs := n.Inputs[:min(len(n.Inputs), 3)]
	y := d.plus(d.add("Conv", without(n, "activation", "activation_params"), inputs...), n.Input(3))
	return d.activated(y, params)
}

func (d *decomposer) fusedGemm(n *graph.Node) bool {
	var params []float32
	names := []string{"activation_alpha", "activation_beta", "activation_gamma"}
	for _, name := range names {
		if p, ok := n.Attrs[name].(float32); ok {
			params = append(params, p)
		}
	}
	return d.activated(d.add("Gemm", without(n, append(names, "activation")...), n.Inputs...), params)
}

// activated adds the activation that the node names.
func (d *decomposer) activated(x string, params []float32) bool {
	attrs := func(names ...string) map[string]graph.Attr {
		a := map[string]graph.Attr{}
		for i, name := range names {
			if i < len(params) {
				a[name] = params[i]
			}
		}
		return a
	}
	switch op := d.current.Text("activation", ""); op {
	case "":
		return d.named(x)
	case "Relu", "Sigmoid", "Tanh":
		return d.named(d.add(op, nil, x))
	case "LeakyRelu":
		return d.named(d.add(op, attrs("alpha"), x))
	case "HardSigmoid":
		return d.named(d.add(op, attrs("alpha", "beta"), x))
	case "Clip":
		if len(params) == 2 && d.graph.Opsets[""] >= 11 {
			return d.named(d.add(op, nil, x, d.number(params[0]), d.number(params[1])))
		}
	}
	return false
}

func (d *decomposer) fusedMatMul(n *graph.Node) bool {
	if n.Int("transBatchA", 0) != 0 || n.Int("transBatchB", 0) != 0 {
		return false
	}
	inputs := []string{n.Input(0), n.Input(1)}
	for i, name := range []string{"transA", "transB"} {
		x := d.constants[inputs[i]]
		if n.Int(name, 0) == 0 || x == nil || len(x.Shape) < 2 {
			continue
		}
		var perm []int64
		for axis := range x.Shape {
			perm = append(perm, int64(axis))
		}
		last := len(perm) - 1
		perm[last], perm[last-1] = perm[last-1], perm[last]
		inputs[i] = d.add("Transpose", map[string]graph.Attr{"perm": perm}, inputs[i])
	}
	y := d.add("MatMul", nil, inputs...)
	if alpha := n.Float("alpha", 1); alpha != 1 {
		y = d.add("Mul", nil, y, d.number(alpha))
	}
	return d.named(y)
}

// skipNorm handles a node whose fourth result is the sum that it normalises.
func (d *decomposer) skipNorm(n *graph.Node) bool {
	sum := d.plus(d.plus(n.Input(0), n.Input(1)), n.Input(4))
	for i, o := range n.Outputs[1:] {
		switch {
		case o == "":
		case i == 2:
			d.nodes = append(d.nodes, &graph.Node{Name: n.Name, Op: "Identity", Inputs: []string{sum}, Outputs: []string{o}})
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
	return d.named(d.add("LayerNormalization", attrs, inputs...))
}

func (d *decomposer) biasedGelu(n *graph.Node) bool {
	attrs := map[string]graph.Attr{}
	if n.Op == "FastGelu" {
		attrs["approximate"] = "tanh"
	}
	return d.named(d.add("Gelu", attrs, d.plus(n.Input(0), n.Input(1))))
}

func (d *decomposer) quickGelu(n *graph.Node) bool {
	x := n.Input(0)
	scaled := d.add("Mul", nil, x, d.number(n.Float("alpha", 1.702)))
	return d.named(d.add("Mul", nil, x, d.add("Sigmoid", nil, scaled)))
}

// projectedAttention handles the node that computes queries, keys and values itself, by
// one product.
func (d *decomposer) projectedAttention(n *graph.Node) bool {
	w := d.constants[n.Input(1)]
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
	all := d.plus(d.add("MatMul", nil, n.Input(0), n.Input(1)), n.Input(2))
	return len(sizes) == 3 && d.heads(d.split(all, 2, sizes), n.Input(5))
}

func (d *decomposer) multiHeadAttention(n *graph.Node) bool {
	qkv := []string{n.Input(0), n.Input(1), n.Input(2)}
	var sizes []int64
	for _, name := range qkv {
		x := d.constants[name]
		if x == nil || len(x.Shape) != 3 {
			return false
		}
		sizes = append(sizes, int64(x.Shape[2]))
	}
	if n.Input(4) != "" || n.Input(6) != "" || n.Input(7) != "" {
		return false
	}
	if bias := n.Input(3); bias != "" {
		for i, part := range d.split(bias, 0, sizes) {
			qkv[i] = d.plus(qkv[i], part)
		}
	}
	return d.heads(qkv, n.Input(5))
}

// split cuts a value into parts of the given sizes.
func (d *decomposer) split(x string, axis int64, sizes []int64) []string {
	var parts []string
	for range sizes {
		parts = append(parts, d.fresh("Split"))
	}
	d.nodes = append(d.nodes, &graph.Node{Name: d.current.Name, Op: "Split", Inputs: []string{x}, Outputs: parts,
		Attrs: map[string]graph.Attr{"axis": axis, "split": sizes}})
	return parts
}

// heads adds the standard operator, with scores to add if there are some.
func (d *decomposer) heads(qkv []string, scores string) bool {
	n := d.current
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
	return d.named(d.add("Attention", attrs, qkv...))
}
