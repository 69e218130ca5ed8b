package passes

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// FoldConstants replaces the nodes that depend on no input by their results: weights
// that a network computes from others become initializers. known holds the values, as
// Specialize returns them. What depends on the shape of the input stays, so the graph
// is one for all shapes that g is for. Initializers that nobody reads are dropped.
func FoldConstants(g *graph.Graph, known map[string]*tensor.Tensor) *graph.Graph {
	dynamic := map[string]bool{}
	for _, in := range g.Inputs {
		dynamic[in.Name] = true
	}
	out := *g
	out.Nodes, out.Initializers = nil, map[string]*tensor.Tensor{}
	for _, n := range g.Nodes {
		if slices.ContainsFunc(n.Reads(), func(s string) bool { return dynamic[s] }) || !allKnown(n, known) {
			out.Nodes = append(out.Nodes, n)
			for _, o := range n.Outputs {
				dynamic[o] = true
			}
		}
	}
	for _, n := range out.Nodes {
		for _, in := range n.Reads() {
			if t := known[in]; !dynamic[in] && t != nil && t.Known() {
				out.Initializers[in] = t
			}
		}
	}
	return &out
}

// allKnown reports whether all results of a node have values.
func allKnown(n *graph.Node, known map[string]*tensor.Tensor) bool {
	return !slices.ContainsFunc(n.Outputs, func(o string) bool {
		return o != "" && (known[o] == nil || !known[o].Known())
	})
}

// setInitializer gives a graph that a pass owns an initializer of a new name that begins
// with the given one, and returns that name.
func setInitializer(g *graph.Graph, name string, t *tensor.Tensor) string {
	for g.Initializers[name] != nil {
		name += "_"
	}
	g.Initializers[name] = t
	return name
}

// copied returns a shallow copy of a node whose inputs and attributes may be changed.
func copied(n *graph.Node) *graph.Node {
	m := *n
	m.Inputs, m.Attrs = slices.Clone(n.Inputs), maps.Clone(n.Attrs)
	if m.Attrs == nil {
		m.Attrs = map[string]graph.Attr{}
	}
	return &m
}
