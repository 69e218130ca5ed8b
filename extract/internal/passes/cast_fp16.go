package passes

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// CastFP16 returns a graph that computes in float32 what g computes in float16: no
// kernel works on float16, and the result is nearer to the network that was trained.
// A graph that only stores weights as float16 and casts them is returned as it is.
func CastFP16(g *graph.Graph) *graph.Graph {
	if !computesInFP16(g) {
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
		for _, name := range n.Reads() {
			if t := g.Initializers[name]; t != nil {
				w.Initializers[name] = castTensor(t)
			}
		}
	}
	w.Nodes = make([]*graph.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		w.Nodes[i] = castNode(n)
	}
	return &w
}

// computesInFP16 reports whether anything but a Cast reads float16.
func computesInFP16(g *graph.Graph) bool {
	for _, in := range g.Inputs {
		if in.DType == tensor.Float16 {
			return true
		}
	}
	isFP16 := func(name string) bool { t := g.Initializers[name]; return t != nil && t.DType == tensor.Float16 }
	for _, n := range g.Nodes {
		if n.Op == "Cast" && n.Int("to", 0) == int(tensor.Float16) || n.Op != "Cast" && slices.ContainsFunc(n.Reads(), isFP16) {
			return true
		}
		for _, a := range n.Attrs {
			switch a := a.(type) {
			case *tensor.Tensor:
				if a.DType == tensor.Float16 {
					return true
				}
			case *graph.Graph:
				if computesInFP16(a) {
					return true
				}
			}
		}
	}
	return false
}

// castNode returns the node with its types and constants of float16 made float32.
func castNode(n *graph.Node) *graph.Node {
	m := *n
	m.Attrs = maps.Clone(n.Attrs)
	for name, a := range m.Attrs {
		switch a := a.(type) {
		case int64:
			if (name == "to" || name == "dtype") && a == int64(tensor.Float16) {
				m.Attrs[name] = int64(tensor.Float32)
			}
		case *tensor.Tensor:
			m.Attrs[name] = castTensor(a)
		case *graph.Graph:
			branch := *a
			branch.Initializers = make(map[string]*tensor.Tensor, len(a.Initializers))
			for name, t := range a.Initializers {
				branch.Initializers[name] = castTensor(t)
			}
			branch.Nodes = make([]*graph.Node, len(a.Nodes))
			for i, k := range a.Nodes {
				branch.Nodes[i] = castNode(k)
			}
			m.Attrs[name] = &branch
		}
	}
	return &m
}

func castTensor(t *tensor.Tensor) *tensor.Tensor {
	if t.DType != tensor.Float16 {
		return t
	}
	v := make([]float32, tensor.Len(t.Shape))
	for i, h := range tensor.Values[tensor.Half](t) {
		v[i] = h.Float32()
	}
	return tensor.New(v, t.Shape...)
}
