package quantize

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A layer is a node whose weights can be quantized, with what follows it up to the point
// where its result is.
type layer struct {
	node   *graph.Node
	in     string        // its input
	out    string        // behind the bounds that follow
	after  []*graph.Node // from the node to out
	weight *tensor.Tensor
	axis   int // of outputs among the axes of weight
	groups int
	bias   string      // the initializer added to each output, "" for none
	adder  *graph.Node // the node that adds the bias, if it is not the layer's own
}

// product is the tensor that the node itself computes.
func (l *layer) product() string { return l.node.Outputs[0] }

// outputs is the number of outputs, each with weights of its own.
func (l *layer) outputs() int { return l.weight.Shape[l.axis] }

// inputs is the number of input channels.
func (l *layer) inputs() int { return l.inputsOfGroup() * l.groups }

func (l *layer) inputsOfGroup() int {
	if l.node.Op == "Conv" {
		return l.weight.Shape[1]
	}
	return l.weight.Shape[1-l.axis]
}

// depthwise reports whether each channel is convolved for itself.
func (l *layer) depthwise() bool {
	return l.node.Op == "Conv" && l.groups == l.outputs() && l.weight.Shape[1] == 1
}

// each calls f with every weight's place, its output and its input channel.
func (l *layer) each(f func(place, output, input int)) {
	shape := l.weight.Shape
	if l.node.Op == "Conv" {
		per, taps := shape[1], tensor.Len(shape[2:])
		perGroup := shape[0] / l.groups
		for i := range tensor.Len(shape) {
			o, c := i/(per*taps), i/taps%per
			f(i, o, o/perGroup*per+c)
		}
		return
	}
	for i := range tensor.Len(shape) {
		at := [2]int{i / shape[1], i % shape[1]}
		f(i, at[l.axis], at[1-l.axis])
	}
}

// eachRun calls f with the runs of weights that belong to one output and lie side by side.
func (l *layer) eachRun(f func(from, to, output int)) {
	run := 1
	for _, d := range l.weight.Shape[l.axis+1:] {
		run *= d
	}
	for i := range tensor.Len(l.weight.Shape) / run {
		f(i*run, (i+1)*run, i%l.outputs())
	}
}

// layerOf returns the layer that a node is, nil for another node.
func (n *network) layerOf(node *graph.Node) *layer {
	if node.Domain != "" || n.graph.Initializers[node.Input(0)] != nil {
		return nil
	}
	l := &layer{node: node, in: node.Input(0), out: node.Outputs[0], groups: 1, bias: node.Input(2)}
	w := n.graph.Initializers[node.Input(1)]
	if w == nil || !w.Known() || w.DType != tensor.Float32 || tensor.Len(w.Shape) == 0 {
		return nil
	}
	l.weight = w
	switch node.Op {
	case "Conv":
		l.groups = node.Int("group", 1)
		if r := len(w.Shape); r < 3 || r > 4 || l.groups < 1 || w.Shape[0]%l.groups != 0 {
			return nil
		}
	case "Gemm":
		if len(w.Shape) != 2 || node.Int("transA", 0) != 0 || node.Float("alpha", 1) != 1 || node.Float("beta", 1) != 1 {
			return nil
		}
		l.axis = 1 - node.Int("transB", 0)
	case "MatMul":
		if len(w.Shape) != 2 {
			return nil
		}
		l.axis, l.bias = 1, ""
	default:
		return nil
	}
	if l.bias != "" && n.vector(l.bias, l.outputs()) == nil {
		return nil
	}
	n.follow(l)
	return l
}

// vector returns the initializer of as many floats in one row, nil for another one.
func (n *network) vector(name string, size int) []float32 {
	t := n.graph.Initializers[name]
	if t == nil || !t.Known() || t.DType != tensor.Float32 || tensor.Len(t.Shape) != size || len(t.Shape) > 0 && t.Shape[len(t.Shape)-1] != size {
		return nil
	}
	return tensor.Values[float32](t)
}

// follow finds the bias and the bounds behind a layer.
func (n *network) follow(l *layer) {
	if next := n.onlyReader(l.out); l.node.Op == "MatMul" && next != nil && next.Op == "Add" && next.Domain == "" {
		for _, in := range next.Inputs {
			if n.vector(in, l.outputs()) != nil {
				l.bias, l.adder = in, next
				l.after, l.out = append(l.after, next), next.Outputs[0]
				break
			}
		}
	}
	if next := n.bounds(l.out); next != nil {
		l.after, l.out = append(l.after, next), next.Outputs[0]
	}
}

// bounds returns the Relu or Clip that alone reads a value.
func (n *network) bounds(name string) *graph.Node {
	next := n.onlyReader(name)
	if next == nil || next.Domain != "" || next.Input(0) != name {
		return nil
	}
	if next.Op == "Relu" || next.Op == "Clip" && !slices.ContainsFunc(next.Inputs[1:], n.dynamic) {
		return next
	}
	return nil
}
