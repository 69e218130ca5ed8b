package passes

import (
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// Rename returns the graph with other names for all its values and nodes, so that it can be
// put beside another one. Graphs within nodes are renamed alike. name must give different
// names different ones.
func Rename(g *graph.Graph, name func(string) string) *graph.Graph {
	named := func(s string) string {
		if s == "" {
			return "" // an absent input or output
		}
		return name(s)
	}
	out := *g
	out.Inputs, out.Outputs, out.Nodes = nil, nil, nil
	out.Initializers = make(map[string]*tensor.Tensor, len(g.Initializers))
	for _, in := range g.Inputs {
		in.Name = named(in.Name)
		out.Inputs = append(out.Inputs, in)
	}
	for _, o := range g.Outputs {
		o.Name = named(o.Name)
		out.Outputs = append(out.Outputs, o)
	}
	for k, t := range g.Initializers {
		out.Initializers[named(k)] = t
	}
	for _, n := range g.Nodes {
		m := copied(n)
		m.Name, m.Inputs, m.Outputs = named(n.Name), nil, nil
		for _, in := range n.Inputs {
			m.Inputs = append(m.Inputs, named(in))
		}
		for _, o := range n.Outputs {
			m.Outputs = append(m.Outputs, named(o))
		}
		for k, a := range m.Attrs {
			if inner, ok := a.(*graph.Graph); ok {
				m.Attrs[k] = Rename(inner, name)
			}
		}
		out.Nodes = append(out.Nodes, m)
	}
	return &out
}
