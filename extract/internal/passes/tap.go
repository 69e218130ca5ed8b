package passes

import (
	"errors"
	"slices"

	"featstore/extract/internal/graph"
)

// ErrNoTap is the error of FindTap when a network has no classifying layer.
var ErrNoTap = errors.New("no layer found that computes class scores from pooled features: name the tensor to take")

// Bottleneck is the name of the tensor that FindTap prefers to all others.
const Bottleneck = "bottleneck"

// maxCandidates bounds how many other tensors FindTap suggests.
const maxCandidates = 8

// FindTap chooses the tensor to take features from. It is the one called bottleneck; or
// the input of the last Gemm, MatMul or 1×1 Conv that computes an output of the network;
// or, in a network without a classifier that ends with pooled features, that output. The
// candidates are the inputs of all such layers and the results of global pooling, the
// last of the network first, including the chosen one.
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
	for _, o := range g.Outputs {
		if f.endsPooled(o.Name) {
			return o.Name, prepend(candidates, o.Name), nil
		}
	}
	return "", candidates, ErrNoTap
}

func prepend(names []string, name string) []string {
	names = slices.DeleteFunc(names, func(s string) bool { return s == name })
	return append([]string{name}, names...)
}

// A tapFinder knows which node computes each value and which values depend on an
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
		moving := slices.ContainsFunc(n.Reads(), func(s string) bool { return f.dynamic[s] })
		for _, o := range n.Outputs {
			f.def[o] = n
			f.dynamic[o] = moving
		}
	}
	delete(f.def, "")
	return f
}

// weighted reports whether n is a layer that can compute class scores: a product
// of a value that depends on the input with weights that do not.
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

// layers are the operators that compute features and are not applied to class scores.
var layers = []string{"Conv", "ConvTranspose", "MaxPool", "LRN", "InstanceNormalization", "GroupNormalization", "LayerNormalization",
	"Resize", "Upsample", "Pad", "Concat", "Attention", "If", "Loop", "Scan"}

// poolings are the operators that may pool the whole image.
var poolings = []string{"GlobalAveragePool", "GlobalMaxPool", "AveragePool", "ReduceMean"}

// classifier walks back from an output to the layer that computes its scores, or returns
// nil. It passes over whatever else is done with scores, such as arg-max or looking up
// the names of labels, whether the operator is known or not.
func (f *tapFinder) classifier(name string) *graph.Node {
	pooled, scores := false, false
	for n := f.def[name]; n != nil; n = f.def[f.data(n)] {
		switch {
		case f.weighted(n) && pooled && !scores && f.featureWidth(n):
			return nil
		case f.weighted(n):
			return n
		case slices.Contains(layers, n.Op):
			return nil
		}
		pooled = pooled || slices.Contains(poolings, n.Op)
		scores = scores || n.Op == "Softmax" || n.Op == "LogSoftmax"
	}
	return nil
}

// data returns the computed value that a node works on, without inputs that are only
// parameters; "" if there are several.
func (f *tapFinder) data(n *graph.Node) string {
	switch n.Op {
	case "Reshape", "Slice", "Gather", "Expand", "Clip", "TopK", "Squeeze", "Unsqueeze", "ReduceMean":
		return n.Input(0)
	}
	next := ""
	for _, in := range n.Inputs {
		if f.dynamic[in] && in != next {
			if next != "" {
				return ""
			}
			next = in
		}
	}
	return next
}

// featureWidth reports whether a convolution has a multiple of 64 output channels, as
// layers of features have and hardly any set of labels. Both a MobileNet without its
// classifier and SqueezeNet end with a 1×1 convolution that is pooled: in the first it
// computes features, in the second scores.
func (f *tapFinder) featureWidth(n *graph.Node) bool {
	w := f.graph.Initializers[n.Input(1)]
	return n.Op == "Conv" && w != nil && len(w.Shape) > 0 && w.Shape[0]%64 == 0
}

// endsPooled reports whether a value is pooled features, possibly reshaped.
func (f *tapFinder) endsPooled(name string) bool {
	for n := f.def[name]; n != nil; n = f.def[f.data(n)] {
		switch n.Op {
		case "Flatten", "Reshape", "Squeeze", "Identity", "Cast", "Dropout", "LpNormalization", "DequantizeLinear", "QuantizeLinear":
		default:
			return slices.Contains(poolings, n.Op)
		}
	}
	return false
}

// source walks back over nodes that change nothing, and over quantization.
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
