package passes

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A Cut is a tensor that everything behind it is computed from: where a network can be
// parted in two.
type Cut struct {
	Tensor string
	Shape  []int   // for the input that the shapes were inferred for
	Below  float64 // share of the network's multiplications that compute it, 0 to 1
}

// Len is how many activations it has.
func (c Cut) Len() int { return tensor.Len(c.Shape) }

// Cuts returns the tensors at which a graph with one input can be parted, from the
// input on: all ways from there to the output lead through each of them. The input is
// the first one; those that no weights follow are none. known holds the shapes, see Specialize.
func Cuts(g *graph.Graph, known map[string]*tensor.Tensor) []Cut {
	last := map[string]int{} // the last node that reads a value
	for i, n := range g.Nodes {
		for _, in := range n.Reads() {
			last[in] = i
		}
	}
	for _, o := range g.Outputs {
		last[o.Name] = len(g.Nodes)
	}
	total, done := int64(0), int64(0)
	for _, n := range g.Nodes {
		total += multiplications(n, known)
	}
	input := g.Inputs[0].Name
	cuts := []Cut{{Tensor: input, Shape: known[input].Shape}}
	live := map[string]bool{input: true}
	for i, n := range g.Nodes {
		done += multiplications(n, known)
		for _, o := range n.Outputs {
			if t := known[o]; last[o] > i && t != nil && !t.Known() {
				live[o] = true
			}
		}
		for _, in := range n.Reads() {
			if last[in] == i {
				delete(live, in)
			}
		}
		if done == total {
			break // no weights follow
		}
		if len(live) != 1 {
			continue
		}
		for name := range live {
			if slices.Contains(n.Outputs, name) && known[name].DType == tensor.Float32 {
				cuts = append(cuts, Cut{Tensor: name, Shape: known[name].Shape, Below: float64(done) / float64(max(total, 1))})
			}
		}
	}
	return cuts
}

// multiplications estimates those of a node by the direct method; what is no product
// counts nothing.
func multiplications(n *graph.Node, known map[string]*tensor.Tensor) int64 {
	shape := func(name string) []int {
		if t := known[name]; t != nil {
			return t.Shape
		}
		return nil
	}
	out, in, w := shape(n.Outputs[0]), shape(n.Input(0)), shape(n.Input(1))
	if n.Domain != "" || len(out) == 0 || len(in) == 0 || len(w) == 0 {
		return 0
	}
	switch n.Op {
	case "Conv":
		return int64(tensor.Len(out)) * int64(tensor.Len(w)/max(w[0], 1))
	case "MatMul":
		return int64(tensor.Len(out)) * int64(in[len(in)-1])
	case "Gemm":
		k := in[len(in)-1]
		if n.Int("transA", 0) != 0 {
			k = in[0]
		}
		return int64(tensor.Len(out)) * int64(k)
	}
	return 0
}

// Above returns the part of a graph that computes its only output from a cut, which
// becomes its input. Whole numbers of known that it reads from below the cut, such as
// sizes, become initializers: the part is for the shape that known was inferred for. What
// is made of weights with their help, such as a class token for each image, stays computed.
func Above(g *graph.Graph, c Cut, known map[string]*tensor.Tensor) (*graph.Graph, error) {
	dims := make([]graph.Dim, len(c.Shape))
	for i, d := range c.Shape {
		dims[i] = graph.Dim{Size: d}
	}
	if len(dims) > 0 && len(g.Inputs[0].Dims) > 0 {
		dims[0] = g.Inputs[0].Dims[0] // as many images as the network takes
	}
	out := *g
	out.Inputs = []graph.Input{{Name: c.Tensor, DType: tensor.Float32, Dims: dims}}
	out.Nodes, out.Initializers = nil, maps.Clone(g.Initializers)
	for _, n := range g.Nodes {
		switch {
		case slices.Contains(n.Outputs, c.Tensor):
		case allKnown(n, known) && !slices.ContainsFunc(n.Outputs, func(o string) bool { return isReal(known[o]) }):
			for _, o := range n.Outputs {
				out.Initializers[o] = known[o]
			}
		default:
			out.Nodes = append(out.Nodes, n)
		}
	}
	upper, err := Prune(&out, g.Outputs[0].Name)
	if err != nil {
		return nil, err
	}
	if len(upper.Inputs) != 1 {
		return nil, fmt.Errorf("the network cannot be parted at tensor %q: what follows depends on more than it", c.Tensor)
	}
	upper.Initializers = usedInitializers(upper)
	return upper, nil
}

// isReal reports whether a value is of floating-point numbers.
func isReal(t *tensor.Tensor) bool {
	return t != nil && (t.DType == tensor.Float32 || t.DType == tensor.Float16 || t.DType == tensor.Float64)
}

// usedInitializers returns those that a node reads.
func usedInitializers(g *graph.Graph) map[string]*tensor.Tensor {
	used := map[string]*tensor.Tensor{}
	for _, n := range g.Nodes {
		for _, in := range n.Reads() {
			if t := g.Initializers[in]; t != nil {
				used[in] = t
			}
		}
	}
	return used
}
