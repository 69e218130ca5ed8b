package engine

import (
	"fmt"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// UpTo returns the part of the graph that the value called tap needs: its nodes, in
// their order, and the inputs that it hangs on.
func UpTo(g *graph.Graph, tap string) (*graph.Graph, error) {
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
		for _, in := range freeNames(n) {
			need[in] = true
		}
	}
	if !found {
		return nil, fmt.Errorf("the network computes no tensor called %q", tap)
	}
	for i, j := 0, len(part.Nodes)-1; i < j; i, j = i+1, j-1 {
		part.Nodes[i], part.Nodes[j] = part.Nodes[j], part.Nodes[i]
	}
	part.Outputs = []graph.Output{{Name: tap}}
	part.Inputs = nil
	for _, in := range g.Inputs {
		if need[in.Name] {
			part.Inputs = append(part.Inputs, in)
		}
	}
	return &part, nil
}

// freeNames lists the values that a node reads, those that the branches of an If
// take from outside included.
func freeNames(n *graph.Node) []string {
	var names []string
	for _, in := range n.Inputs {
		if in != "" {
			names = append(names, in)
		}
	}
	for _, a := range n.Attrs {
		if sub, ok := a.(*graph.Graph); ok {
			for _, m := range sub.Nodes {
				names = append(names, freeNames(m)...)
			}
			for _, o := range sub.Outputs {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// facts evaluates the graph with an input of known shape and unknown values:
// every value that does not hang on the input comes back with its values.
func facts(g *graph.Graph, shape []int, arena int64) (map[string]*tensor.Tensor, error) {
	in := g.Inputs[0]
	all, err := FoldLimits(g, arena).Interpret(g, map[string]*tensor.Tensor{in.Name: tensor.Abstract(in.DType, shape...)})
	if err != nil {
		return nil, err
	}
	for name, t := range g.Initializers {
		all[name] = t
	}
	return all, nil
}

// FoldLimits bounds the evaluation of a graph whose input is not known. What a network
// computes from its constants alone is some arithmetic on shapes, and its weights in
// another form; a hostile one would compute for hours. Results of which only the
// shape is known may be the larger the more bytes the arena may have.
func FoldLimits(g *graph.Graph, arena int64) op.Limits {
	l := op.DefaultLimits()
	if share := float64(arena) / float64(DefaultArena); share > 1 {
		l.Elements, l.Work = int(float64(l.Elements)*share), l.Work*share
	}
	l.Folding = 1 << 32
	l.Bytes = 64 << 20
	for _, t := range g.Initializers {
		l.Bytes += 8 * float64(tensor.Len(t.Shape)) // as float32, and once more in another form
	}
	return l
}
