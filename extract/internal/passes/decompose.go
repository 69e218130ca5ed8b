package passes

import (
	"fmt"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A decomposer replaces nodes by several others.
type decomposer struct {
	graph     *graph.Graph
	constants map[string]*tensor.Tensor
	names     map[string]bool
	nodes     []*graph.Node
	current   *graph.Node // the one that is replaced
}

// add appends a node with one output and returns the output's name.
func (d *decomposer) add(op string, attrs map[string]graph.Attr, inputs ...string) string {
	name := d.fresh(op)
	d.nodes = append(d.nodes, &graph.Node{Name: d.current.Name, Op: op, Inputs: inputs, Outputs: []string{name}, Attrs: attrs})
	return name
}

// fresh returns a name that no value has.
func (d *decomposer) fresh(op string) string {
	name := d.current.Outputs[0]
	for i := 0; d.names[name] || d.constants[name] != nil; i++ {
		name = fmt.Sprintf("%s/%s%d", d.current.Outputs[0], op, i)
	}
	d.names[name] = true
	return name
}
