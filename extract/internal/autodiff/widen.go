package autodiff

import (
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// widenGraph is the graph with all floating-point constants in float64, and with casts
// to float64 where it casts to less.
func widenGraph(g *graph.Graph) *graph.Graph {
	wide := *g
	wide.Initializers = map[string]*tensor.Tensor{}
	for name, t := range g.Initializers {
		wide.Initializers[name] = widen(t)
	}
	wide.Nodes = nil
	for _, n := range g.Nodes {
		wide.Nodes = append(wide.Nodes, widenNode(n))
	}
	return &wide
}

func widenNode(n *graph.Node) *graph.Node {
	wide := *n
	wide.Attrs = map[string]graph.Attr{}
	for name, a := range n.Attrs {
		if t, ok := a.(*tensor.Tensor); ok {
			a = widen(t)
		}
		if to, ok := a.(int64); ok && n.Op == "Cast" && name == "to" && narrow(tensor.DType(to)) {
			a = int64(tensor.Float64)
		}
		wide.Attrs[name] = a
	}
	return &wide
}

func narrow(dt tensor.DType) bool { return dt == tensor.Float16 || dt == tensor.Float32 }

// widen is a tensor in float64 if it is of floating-point numbers.
func widen(t *tensor.Tensor) *tensor.Tensor {
	if t == nil || !narrow(t.DType) {
		return t
	}
	out := make([]float64, 0, tensor.Len(t.Shape))
	switch v := t.Data.(type) {
	case []float32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []tensor.Half:
		for _, x := range v {
			out = append(out, float64(x.Float32()))
		}
	}
	return tensor.New(out, t.Shape...)
}
