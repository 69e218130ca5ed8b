package onnxtest

import (
	"maps"
	"slices"
)

// A Function is one that a model defines for its own nodes to call, by Name and
// Domain as if it were an operator.
type Function struct {
	Name, Domain, Overload string
	Inputs, Outputs        []string
	Attrs                  []string       // names of attributes without a default
	Defaults               Attrs          // attributes with one
	Opsets                 map[string]int // nil for version 17 of the standard operators
}

// Func adds a function whose nodes are what build adds to its graph. Nodes refer to
// the function's attributes with Ref.
func (m *Model) Func(f Function, build func(*Graph)) {
	g := m.Body(f.Name)
	build(g)
	b := Message{}.Text(1, f.Name)
	for _, s := range f.Inputs {
		b = b.Text(4, s)
	}
	for _, s := range f.Outputs {
		b = b.Text(5, s)
	}
	for _, s := range f.Attrs {
		b = b.Text(6, s)
	}
	for _, node := range g.nodes {
		b = b.Bytes(7, node)
	}
	if f.Opsets == nil {
		f.Opsets = map[string]int{"": 17}
	}
	for _, d := range slices.Sorted(maps.Keys(f.Opsets)) {
		b = b.Bytes(9, Message{}.Text(1, d).Varint(2, int64(f.Opsets[d])))
	}
	b = b.Text(10, f.Domain)
	for _, name := range slices.Sorted(maps.Keys(f.Defaults)) {
		b = b.Bytes(11, Attribute(name, f.Defaults[name]))
	}
	if f.Overload != "" {
		b = b.Text(13, f.Overload)
	}
	m.functions = m.functions.Bytes(25, b)
}
