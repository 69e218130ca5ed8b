package engine

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// widen returns a graph that computes in float32 what g computes in float16: no
// kernel works on float16, and the result is nearer to the network that was
// trained. A graph that only stores weights as float16 and casts them stays as it
// is.
func widen(g *graph.Graph) *graph.Graph {
	if !computesInHalf(g) {
		return g
	}
	w := *g
	w.Inputs = slices.Clone(g.Inputs)
	for i := range w.Inputs {
		if w.Inputs[i].DType == tensor.Float16 {
			w.Inputs[i].DType = tensor.Float32
		}
	}
	w.Initializers = make(map[string]*tensor.Tensor, len(g.Initializers))
	for _, n := range g.Nodes {
		for _, name := range freeNames(n) {
			if t := g.Initializers[name]; t != nil {
				w.Initializers[name] = widened(t)
			}
		}
	}
	w.Nodes = make([]*graph.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		w.Nodes[i] = widenNode(n)
	}
	return &w
}

// computesInHalf reports whether anything but a Cast reads float16.
func computesInHalf(g *graph.Graph) bool {
	for _, in := range g.Inputs {
		if in.DType == tensor.Float16 {
			return true
		}
	}
	isHalf := func(name string) bool { t := g.Initializers[name]; return t != nil && t.DType == tensor.Float16 }
	for _, n := range g.Nodes {
		if n.Op == "Cast" && n.Int("to", 0) == int(tensor.Float16) || n.Op != "Cast" && slices.ContainsFunc(freeNames(n), isHalf) {
			return true
		}
		for _, a := range n.Attrs {
			switch a := a.(type) {
			case *tensor.Tensor:
				if a.DType == tensor.Float16 {
					return true
				}
			case *graph.Graph:
				if computesInHalf(a) {
					return true
				}
			}
		}
	}
	return false
}

// widenNode changes the types and constants that a node names.
func widenNode(n *graph.Node) *graph.Node {
	m := *n
	m.Attrs = maps.Clone(n.Attrs)
	for name, a := range m.Attrs {
		switch a := a.(type) {
		case int64:
			if (name == "to" || name == "dtype") && a == int64(tensor.Float16) {
				m.Attrs[name] = int64(tensor.Float32)
			}
		case *tensor.Tensor:
			m.Attrs[name] = widened(a)
		case *graph.Graph:
			branch := *a
			branch.Initializers = make(map[string]*tensor.Tensor, len(a.Initializers))
			for name, t := range a.Initializers {
				branch.Initializers[name] = widened(t)
			}
			branch.Nodes = make([]*graph.Node, len(a.Nodes))
			for i, k := range a.Nodes {
				branch.Nodes[i] = widenNode(k)
			}
			m.Attrs[name] = &branch
		}
	}
	return &m
}

func widened(t *tensor.Tensor) *tensor.Tensor {
	if t.DType != tensor.Float16 {
		return t
	}
	v := make([]float32, tensor.Len(t.Shape))
	for i, h := range tensor.Values[tensor.Half](t) {
		v[i] = h.Float32()
	}
	return tensor.New(v, t.Shape...)
}
