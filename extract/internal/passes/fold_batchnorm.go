package passes

import (
	"maps"
	"math"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// FoldBatchNorm moves batch normalisations with constant statistics into the
// convolutions before them, whose weights and biases it replaces. One that has no such
// convolution keeps its place, with its statistics moved into its scale and bias: mean
// 0, variance 1, epsilon 0. So whatever scales channels afterwards is one initializer
// that can be trained. g has its constants folded, see FoldConstants.
func FoldBatchNorm(g *graph.Graph) *graph.Graph {
	out := *g
	out.Nodes, out.Initializers = nil, maps.Clone(g.Initializers)
	f := &normFolder{g: &out, def: map[string]int{}, readers: map[string]int{}}
	for _, n := range g.Nodes {
		for _, in := range n.Reads() {
			f.readers[in]++
		}
	}
	for _, o := range g.Outputs {
		f.readers[o.Name]++
	}
	for _, n := range g.Nodes {
		f.node(n)
	}
	return FoldConstants(&out, out.Initializers)
}

type normFolder struct {
	g       *graph.Graph
	def     map[string]int // the place in g.Nodes of the node that computes a value
	readers map[string]int
}

func (f *normFolder) node(n *graph.Node) {
	scale, shift, ok := f.affine(n)
	if !ok {
		f.append(n)
		return
	}
	i, found := f.def[n.Input(0)]
	if found && f.readers[n.Input(0)] == 1 && f.fold(i, n, scale, shift) {
		return
	}
	m, c := copied(n), len(scale)
	m.Attrs["epsilon"] = float32(0)
	ones := make([]float32, c)
	for k := range ones {
		ones[k] = 1
	}
	for k, v := range [][]float32{scale, shift, make([]float32, c), ones} {
		m.Inputs[k+1] = setInitializer(f.g, n.Inputs[k+1], tensor.New(v, c))
	}
	f.append(m)
}

func (f *normFolder) append(n *graph.Node) {
	for _, o := range n.Outputs {
		f.def[o] = len(f.g.Nodes)
	}
	f.g.Nodes = append(f.g.Nodes, n)
}

// affine returns what a batch normalisation multiplies and adds by channel.
func (f *normFolder) affine(n *graph.Node) (scale, shift []float32, ok bool) {
	if n.Op != "BatchNormalization" || n.Domain != "" || op.TrainingMode(n, f.g.Opsets[n.Domain]) || len(n.Inputs) != 5 {
		return nil, nil, false
	}
	var p [4][]float32 // scale, bias, mean, variance
	for i := range p {
		if p[i], ok = f.floats(n.Input(i + 1)); !ok || len(p[i]) != len(p[0]) {
			return nil, nil, false
		}
	}
	epsilon := float64(n.Float("epsilon", 1e-5))
	scale, shift = make([]float32, len(p[0])), make([]float32, len(p[0]))
	for i := range scale {
		s := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+epsilon)
		scale[i], shift[i] = float32(s), float32(float64(p[1][i])-float64(float64(p[2][i])*s))
	}
	return scale, shift, true
}

// floats returns the values of a float32 initializer.
func (f *normFolder) floats(name string) ([]float32, bool) {
	t := f.g.Initializers[name]
	if t == nil || !t.Known() || t.DType != tensor.Float32 {
		return nil, false
	}
	return tensor.Values[float32](t), true
}

// fold replaces the i-th node, if it is a convolution, by one that scales and shifts
// its results, under the name of what n computes.
func (f *normFolder) fold(i int, n *graph.Node, scale, shift []float32) bool {
	conv := f.g.Nodes[i]
	if conv.Op != "Conv" || conv.Domain != "" {
		return false
	}
	w, ok := f.floats(conv.Input(1))
	if !ok || len(scale) == 0 || len(w)%len(scale) != 0 || f.g.Initializers[conv.Input(1)].Shape[0] != len(scale) {
		return false
	}
	bias := make([]float32, len(scale))
	if conv.Input(2) != "" {
		b, ok := f.floats(conv.Input(2))
		if !ok || len(b) != len(scale) {
			return false
		}
		copy(bias, b)
	}
	weight, per := make([]float32, len(w)), len(w)/len(scale)
	for o, s := range scale {
		bias[o] = shift[o] + float32(s*bias[o])
		for k := range per {
			weight[o*per+k] = w[o*per+k] * s
		}
	}
	m := copied(conv)
	name := conv.Input(1)
	m.Inputs = []string{conv.Input(0), setInitializer(f.g, name, tensor.New(weight, f.g.Initializers[name].Shape...)), ""}
	m.Inputs[2] = setInitializer(f.g, m.Inputs[1]+".bias", tensor.New(bias, len(bias)))
	m.Outputs = n.Outputs[:1]
	f.g.Nodes[i] = m
	f.def[n.Outputs[0]] = i
	return true
}
