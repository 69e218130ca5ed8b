package engine

import (
	"errors"
	"slices"

	"featstore/extract/internal/graph"
)

// ErrNoTap is the error of FindTap when a network has no classifying layer.
var ErrNoTap = errors.New("no layer found that computes class scores from pooled features: name the tensor to take")

// Bottleneck is the name that FindTap honours wherever a network has it.
const Bottleneck = "bottleneck"

// maxCandidates bounds how many other tensors FindTap suggests.
const maxCandidates = 8

// FindTap chooses the tensor to take features from: the one called bottleneck,
// or else the input of the last Gemm, MatMul or 1×1 Conv that computes an output
// of the network. The candidates are the inputs of all such layers and the
// results of global pooling, the last first, the chosen one included.
func FindTap(g *graph.Graph) (tap string, candidates []string, err error) {
	f := newTapFinder(g)
	candidates = f.candidates()
	if f.def[Bottleneck] != nil {
		return Bottleneck, prepend(candidates, Bottleneck), nil
	}
	for _, o := range g.Outputs {
		if n := f.classifier(o.Name); n != nil {
			tap = f.source(n.Input(0))
			return tap, prepend(candidates, tap), nil
		}
	}
	return "", candidates, ErrNoTap
}

func prepend(names []string, name string) []string {
	names = slices.DeleteFunc(names, func(s string) bool { return s == name })
	return append([]string{name}, names...)
}

// A tapFinder knows which node computes each value and which values hang on an
// input of the network.
type tapFinder struct {
	graph   *graph.Graph
	def     map[string]*graph.Node
	dynamic map[string]bool
}

func newTapFinder(g *graph.Graph) *tapFinder {
	f := &tapFinder{graph: g, def: map[string]*graph.Node{}, dynamic: map[string]bool{}}
	for _, in := range g.Inputs {
		f.dynamic[in.Name] = true
	}
	for _, n := range g.Nodes {
		moving := slices.ContainsFunc(freeNames(n), func(s string) bool { return f.dynamic[s] })
		for _, o := range n.Outputs {
			f.def[o] = n
			f.dynamic[o] = moving
		}
	}
	delete(f.def, "")
	return f
}

// weighted reports whether n is a layer that can compute class scores: a product
// of a value that hangs on the input with weights that do not.
func (f *tapFinder) weighted(n *graph.Node) bool {
	if n.Domain != "" || !f.dynamic[n.Input(0)] || f.dynamic[n.Input(1)] {
		return false
	}
	switch n.Op {
	case "Gemm", "MatMul":
		return true
	case "QLinearMatMul":
		return !f.dynamic[n.Input(3)]
	case "Conv":
		return n.Int("group", 1) == 1 && f.pointwise(n)
	}
	return false
}

func (f *tapFinder) pointwise(n *graph.Node) bool {
	size := n.Ints("kernel_shape")
	if w := f.graph.Initializers[n.Input(1)]; size == nil && w != nil && len(w.Shape) > 2 {
		size = w.Shape[2:]
	}
	return len(size) > 0 && !slices.ContainsFunc(size, func(k int) bool { return k != 1 })
}

// afterScores are the operators that may stand between the scores and the
// network's output.
var afterScores = []string{"Softmax", "LogSoftmax", "Sigmoid", "Identity", "Cast", "Dropout", "Flatten", "Reshape", "Squeeze",
	"Unsqueeze", "Transpose", "QuantizeLinear", "DequantizeLinear", "Add", "Mul", "Relu", "Clip", "GlobalAveragePool", "AveragePool", "ReduceMean", "BatchNormalization"}

// classifier walks back from an output to the layer that computes its scores.
func (f *tapFinder) classifier(name string) *graph.Node {
	for n := f.def[name]; n != nil; {
		if f.weighted(n) {
			return n
		}
		if !slices.Contains(afterScores, n.Op) {
			return nil
		}
		next := ""
		for _, in := range n.Inputs {
			if f.dynamic[in] {
				if next != "" {
					return nil // joins two branches: not the end of a classifier
				}
				next = in
			}
		}
		n = f.def[next]
	}
	return nil
}

// source walks back over nodes that change nothing, and from 8-bit numbers to the
// floats that they were.
func (f *tapFinder) source(name string) string {
	for {
		n := f.def[name]
		if n == nil || n.Op != "Identity" && n.Op != "Dropout" && n.Op != "QuantizeLinear" {
			return name
		}
		if f.def[n.Input(0)] == nil {
			return name
		}
		name = n.Input(0)
	}
}

func (f *tapFinder) candidates() []string {
	var names []string
	for i := len(f.graph.Nodes) - 1; i >= 0 && len(names) < maxCandidates; i-- {
		n := f.graph.Nodes[i]
		name := ""
		switch {
		case f.weighted(n):
			name = f.source(n.Input(0))
		case n.Op == "GlobalAveragePool" || n.Op == "GlobalMaxPool":
			name = n.Outputs[0]
		}
		if f.def[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
