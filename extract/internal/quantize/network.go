package quantize

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A network is a graph of floats with what quantization has to know of it. Its constants
// are folded, see passes.Trainable.
type network struct {
	graph   *graph.Graph
	shapes  map[string]*tensor.Tensor
	def     map[string]*graph.Node   // what computes a value
	readers map[string][]*graph.Node // what reads it
	outputs map[string]bool
	root    map[string]string    // the value that one is a function of, number by number; itself if of none
	closing map[*graph.Node]bool // bounds that follow a layer or a sum and are computed with it

	layers []*layer
	byNode map[*graph.Node]*layer
	byOut  map[string]*layer
}

func newNetwork(g *graph.Graph, shapes map[string]*tensor.Tensor) *network {
	n := &network{graph: g, shapes: shapes, def: map[string]*graph.Node{}, readers: map[string][]*graph.Node{}, outputs: map[string]bool{},
		root: map[string]string{}, closing: map[*graph.Node]bool{}, byNode: map[*graph.Node]*layer{}, byOut: map[string]*layer{}}
	for _, node := range g.Nodes {
		for _, in := range node.Reads() {
			if !slices.Contains(n.readers[in], node) {
				n.readers[in] = append(n.readers[in], node)
			}
		}
		for _, out := range node.Outputs {
			n.def[out] = node
		}
	}
	for _, o := range g.Outputs {
		n.outputs[o.Name] = true
	}
	for _, node := range g.Nodes {
		if l := n.layerOf(node); l != nil {
			n.layers = append(n.layers, l)
			n.byNode[node], n.byOut[l.out] = l, l
			for _, next := range l.after {
				n.closing[next] = true
			}
		} else if next := n.bounds(node.Outputs[0]); next != nil && n.sums(node) {
			n.closing[next] = true
		}
		n.findRoot(node)
	}
	return n
}

// clone returns a graph whose nodes and initializers may be changed.
func clone(g *graph.Graph) *graph.Graph {
	c := *g
	c.Nodes, c.Initializers = nil, maps.Clone(g.Initializers)
	for _, n := range g.Nodes {
		m := *n
		m.Inputs = slices.Clone(n.Inputs)
		c.Nodes = append(c.Nodes, &m)
	}
	return &c
}

// dynamic reports whether a value depends on the input.
func (n *network) dynamic(name string) bool { return name != "" && n.graph.Initializers[name] == nil }

// sums reports whether a node adds or multiplies two computed values.
func (n *network) sums(node *graph.Node) bool {
	return node.Domain == "" && (node.Op == "Add" || node.Op == "Mul") && !slices.ContainsFunc(node.Inputs, func(in string) bool { return !n.dynamic(in) })
}

// onlyReader returns the only node that reads a value, nil if there are others or the
// value is a result of the network.
func (n *network) onlyReader(name string) *graph.Node {
	if r := n.readers[name]; len(r) == 1 && !n.outputs[name] {
		return r[0]
	}
	return nil
}

// size is the number of floats of a value for one image.
func (n *network) size(name string) int { return tensor.Len(n.shapes[name].Shape) }

// channelAxis is the axis along which layers read or compute a value's channels.
func (n *network) channelAxis(name string) int {
	rank := len(n.shapes[name].Shape)
	axisOf := func(op string) int {
		if op == "Conv" {
			return 1
		}
		return rank - 1
	}
	for _, r := range n.readers[name] {
		if l := n.byNode[r]; l != nil && l.in == name {
			return axisOf(r.Op)
		}
	}
	d := n.def[name]
	for d != nil && n.closing[d] && n.dynamic(d.Input(0)) {
		d = n.def[d.Input(0)]
	}
	if d != nil && n.byNode[d] != nil {
		return axisOf(d.Op)
	}
	if rank == 4 {
		return 1
	}
	return rank - 1
}

// channels returns how many channels a value has.
func (n *network) channels(name string) int {
	shape := n.shapes[name].Shape
	if len(shape) == 0 {
		return 1
	}
	return shape[n.channelAxis(name)]
}

// functions are operators that compute each number from one number; the two-sided ones
// only with a constant, or with another function of the same number.
var functions = []string{"Relu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Selu", "Celu", "Softplus", "Softsign",
	"Erf", "Gelu", "Mish", "Abs", "Exp", "Neg", "ThresholdedRelu", "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max"}

// findRoot notes what value the node's result is a function of.
func (n *network) findRoot(node *graph.Node) {
	for _, out := range node.Outputs {
		n.root[out] = out
	}
	if node.Domain != "" || !slices.Contains(functions, node.Op) || n.closing[node] {
		return
	}
	from := ""
	for _, in := range node.Inputs {
		if in == "" {
			continue
		}
		if !n.dynamic(in) {
			if t := n.graph.Initializers[in]; tensor.Len(t.Shape) != 1 {
				return
			}
			continue
		}
		root := in
		if r := n.root[in]; r != "" {
			root = r
		}
		if from != "" && from != root {
			return
		}
		from = root
	}
	if from != "" && tensor.Len(n.shapes[from].Shape) == n.size(node.Outputs[0]) {
		n.root[node.Outputs[0]] = from
	}
}
