package onnx

import (
	"maps"
	"slices"
)

// Locations returns the names of the files beside the model that hold its weights,
// sorted, in the form that Options.External is asked for them. They are as much part
// of the network as the model itself: a digest that identifies it covers them too. Call
// it before Graph.
func (m *Model) Locations() ([]string, error) {
	l := locations{}
	if err := l.graph(m.proto.graph); err != nil {
		return nil, err
	}
	for _, f := range m.proto.functions {
		if err := l.nodes(f.nodes); err != nil {
			return nil, within(err, "function %s", quote(f.id.name))
		}
	}
	return slices.Sorted(maps.Keys(l)), nil
}

// locations collects the names of external files.
type locations map[string]bool

func (l locations) graph(g *graphProto) error {
	for _, t := range g.initializers {
		if err := l.tensor(t); err != nil {
			return within(err, "initializer %s", quote(t.name))
		}
	}
	return l.nodes(g.nodes)
}

func (l locations) nodes(nodes []*nodeProto) error {
	for _, n := range nodes {
		for i := range n.attributes {
			a := &n.attributes[i]
			var err error
			if a.tensor != nil {
				err = l.tensor(a.tensor)
			}
			if a.graph != nil && err == nil {
				err = l.graph(a.graph)
			}
			if err != nil {
				return within(err, "%s: attribute %s", n.label(), quote(a.name))
			}
		}
	}
	return nil
}

func (l locations) tensor(t *tensorProto) error {
	if !t.external {
		return nil
	}
	name, err := location(t.entries)
	if err == nil {
		l[name] = true
	}
	return err
}
