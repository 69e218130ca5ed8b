package passes

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

func isIf(n *graph.Node) bool { return n.Op == "If" && n.Domain == "" }

// taken returns the branch of an If whose condition is known.
func taken(n *graph.Node, known map[string]*tensor.Tensor) (*graph.Graph, error) {
	c := known[n.Input(0)]
	if c == nil || !c.Known() || c.DType != tensor.Bool || tensor.Len(c.Shape) != 1 {
		return nil, fmt.Errorf("%s: %w: its condition depends on the values of the input", n.Label(), op.ErrUnsupported)
	}
	name := "else_branch"
	if tensor.Values[bool](c)[0] {
		name = "then_branch"
	}
	branch, ok := n.Attrs[name].(*graph.Graph)
	if !ok || len(branch.Outputs) < len(n.Outputs) {
		return nil, fmt.Errorf("%s: the %s does not deliver its %d outputs", n.Label(), name, len(n.Outputs))
	}
	return branch, nil
}

// inlineBranch appends the nodes of a branch to g, with new names for their values, and
// an Identity for each output of the If.
func inlineBranch(g *graph.Graph, n *graph.Node, branch *graph.Graph, known map[string]*tensor.Tensor) {
	names := map[string]string{}
	own := func(name string) {
		fresh := n.Outputs[0] + "/" + name
		for known[fresh] != nil || g.Initializers[fresh] != nil {
			fresh += "'"
		}
		names[name] = fresh
	}
	for name, t := range branch.Initializers {
		own(name)
		g.Initializers[names[name]] = t
	}
	for _, m := range branch.Nodes {
		for _, o := range m.Outputs {
			own(o)
		}
	}
	names[""] = ""
	for _, m := range branch.Nodes {
		g.Nodes = append(g.Nodes, renamed(m, names))
	}
	for i, o := range n.Outputs {
		if o != "" {
			from := rename([]string{branch.Outputs[i].Name}, names)
			g.Nodes = append(g.Nodes, &graph.Node{Name: n.Name, Op: "Identity", Inputs: from, Outputs: []string{o}})
		}
	}
}

// renamed returns the node with values renamed, also where graphs inside it read them.
func renamed(n *graph.Node, names map[string]string) *graph.Node {
	m := *n
	m.Inputs, m.Outputs = rename(n.Inputs, names), rename(n.Outputs, names)
	m.Attrs = maps.Clone(n.Attrs)
	for key, a := range m.Attrs {
		sub, ok := a.(*graph.Graph)
		if !ok {
			continue
		}
		inner := maps.Clone(names)
		for name := range sub.Initializers {
			delete(inner, name)
		}
		for _, k := range sub.Nodes {
			for _, o := range k.Outputs {
				delete(inner, o)
			}
		}
		g := *sub
		g.Nodes, g.Outputs = make([]*graph.Node, len(sub.Nodes)), slices.Clone(sub.Outputs)
		for i, k := range sub.Nodes {
			g.Nodes[i] = renamed(k, inner)
		}
		for i, o := range sub.Outputs {
			g.Outputs[i].Name = rename([]string{o.Name}, inner)[0]
		}
		m.Attrs[key] = &g
	}
	return &m
}

func rename(list []string, names map[string]string) []string {
	out := slices.Clone(list)
	for i, name := range list {
		if to, ok := names[name]; ok {
			out[i] = to
		}
	}
	return out
}
