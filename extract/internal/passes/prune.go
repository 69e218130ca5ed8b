package passes

import (
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// Prune returns the part of the graph that the value called tap needs: its nodes, in
// their order, and the inputs that it depends on.
func Prune(g *graph.Graph, tap string) (*graph.Graph, error) {
	need := map[string]bool{tap: true}
	found := false
	part := *g
	part.Nodes = nil
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		used := false
		for _, o := range n.Outputs {
			used = used || (o != "" && need[o])
			found = found || o == tap
		}
		if !used {
			continue
		}
		part.Nodes = append(part.Nodes, n)
		for _, in := range n.Reads() {
			need[in] = true
		}
	}
	if !found {
		return nil, fmt.Errorf("the network computes no tensor called %q", tap)
	}
	slices.Reverse(part.Nodes)
	part.Outputs = []graph.Output{{Name: tap}}
	part.Inputs = nil
	for _, in := range g.Inputs {
		if need[in.Name] {
			part.Inputs = append(part.Inputs, in)
		}
	}
	return &part, nil
}

// DropUnread returns the graph without the initializers that no node reads, which Prune keeps.
func DropUnread(g *graph.Graph) *graph.Graph {
	out := *g
	out.Initializers = map[string]*tensor.Tensor{}
	for _, n := range g.Nodes {
		for _, in := range n.Reads() {
			if t := g.Initializers[in]; t != nil {
				out.Initializers[in] = t
			}
		}
	}
	return &out
}
