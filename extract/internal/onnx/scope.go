package onnx

import (
	"slices"

	"featstore/extract/internal/graph"
)

// A scope holds the values that a graph defines and which of its nodes needs which.
// Graphs inside it, the branches of an If, read values of the graphs around them:
// the node that they belong to needs those.
type scope struct {
	outer   *scope
	defined map[string]int // value to the index of its node, or -1 for inputs and initializers
	needs   [][]int32      // by node
	node    int            // the one whose inner graphs are being read
}

// define checks that every value of g has exactly one origin and that all that is
// read exists.
func define(g *graph.Graph, outer *scope) (*scope, error) {
	s := &scope{outer: outer, defined: make(map[string]int, 2*len(g.Nodes)), needs: make([][]int32, len(g.Nodes))}
	for _, in := range g.Inputs {
		if _, ok := s.defined[in.Name]; ok {
			return nil, wrong(ErrCorrupt, "two inputs %s", quote(in.Name))
		}
		s.defined[in.Name] = -1
	}
	for name := range g.Initializers {
		s.defined[name] = -1
	}
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if by, ok := s.defined[out]; ok {
				return nil, wrong(ErrCorrupt, "value %s is %s and also an output of %s", quote(out), origin(g, by), shortLabel(n))
			}
			s.defined[out] = i
		}
	}
	for i, n := range g.Nodes {
		for _, in := range n.Inputs {
			if !s.need(i, in) {
				return nil, wrong(ErrCorrupt, "%s reads %s, which no node computes", shortLabel(n), quote(in))
			}
		}
	}
	for _, out := range g.Outputs {
		if !s.need(-1, out.Name) {
			return nil, wrong(ErrCorrupt, "no node computes output %s", quote(out.Name))
		}
	}
	return s, nil
}

func origin(g *graph.Graph, by int) string {
	if by < 0 {
		return "an input or initializer"
	}
	return "an output of " + shortLabel(g.Nodes[by])
}

func shortLabel(n *graph.Node) string {
	if l := n.Label(); len(l) <= 160 {
		return l
	}
	return quote(n.Label())
}

// need notes that node i, or the graph's outputs if that is -1, reads a value. It
// reports whether the value exists, here or in a graph around this one.
func (s *scope) need(i int, name string) bool {
	if name == "" {
		return i >= 0
	}
	for ; s != nil; s = s.outer {
		if by, ok := s.defined[name]; ok {
			if by >= 0 && i >= 0 {
				s.needs[i] = append(s.needs[i], int32(by))
			}
			return true
		}
		if s.outer != nil {
			i = s.outer.node
		}
	}
	return false
}

// sort puts the nodes of g in an order in which each comes after those it needs,
// and leaves them as they are if they already are in one.
func (s *scope) sort(g *graph.Graph) error {
	if s.sorted() {
		return nil
	}
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(g.Nodes))
	order := make([]*graph.Node, 0, len(g.Nodes))
	var path []int32 // depth first, without recursion: a chain may be long
	for i := range g.Nodes {
		path = append(path, int32(i))
		for len(path) > 0 {
			n := path[len(path)-1]
			if state[n] == unseen {
				state[n] = open
			}
			next := slices.IndexFunc(s.needs[n], func(m int32) bool { return state[m] != done })
			if state[n] == done || next < 0 {
				if state[n] != done {
					state[n] = done
					order = append(order, g.Nodes[n])
				}
				path = path[:len(path)-1]
				continue
			}
			m := s.needs[n][next]
			s.needs[n] = s.needs[n][next:] // what lies before is done
			if state[m] == open {
				return wrong(ErrCorrupt, "%s needs its own output, directly or through other nodes", shortLabel(g.Nodes[m]))
			}
			path = append(path, m)
		}
	}
	g.Nodes = order
	return nil
}

func (s *scope) sorted() bool {
	for i, needs := range s.needs {
		for _, n := range needs {
			if int(n) >= i {
				return false
			}
		}
	}
	return true
}
