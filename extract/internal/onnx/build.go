package onnx

import (
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// graph makes the IR of a scanned graph. outer is the scope that the graph lies
// in, nil for the model's own.
func (p *parser) graph(gp *graphProto, outer *scope) (*graph.Graph, error) {
	if len(gp.outputs) == 0 {
		return nil, wrong(ErrCorrupt, "no outputs")
	}
	if len(gp.nodes) == 0 && outer == nil {
		return nil, wrong(ErrCorrupt, "no nodes")
	}
	g := &graph.Graph{Name: gp.name, Initializers: make(map[string]*tensor.Tensor, len(gp.initializers))}
	if err := p.initializers(g, gp); err != nil {
		return nil, err
	}
	if err := p.operations(g, gp); err != nil {
		return nil, err
	}
	s, err := define(g, outer)
	if err != nil {
		return nil, err
	}
	for i, n := range gp.nodes {
		s.node = i
		if err := p.bodies(g.Nodes[i], n, s); err != nil {
			return nil, within(err, "%s", n.label())
		}
	}
	return g, s.sort(g)
}

func (p *parser) initializers(g *graph.Graph, gp *graphProto) error {
	for _, t := range gp.initializers {
		if _, ok := g.Initializers[t.name]; ok {
			return wrong(ErrCorrupt, "two initializers %s", quote(t.name))
		}
		v, err := p.values(t)
		if err != nil {
			return within(err, "initializer %s", quote(t.name))
		}
		g.Initializers[t.name] = v
	}
	return nil
}

// operations fills in the nodes, inputs and outputs: from onnx-go what it delivers, the
// rest from the scan.
func (p *parser) operations(g *graph.Graph, gp *graphProto) error {
	r, inputs, outputs := &recorder{}, []string(nil), gp.outputs
	feeds := gp.feeds()
	if len(gp.nodes) > 0 { // onnx-go refuses a graph without nodes, which a branch of an If may be
		var err error
		if r, inputs, outputs, err = deliver(skeleton(gp, feeds)); err != nil {
			return err
		}
		if len(r.operations) != len(gp.nodes) || len(inputs) != len(feeds) {
			return fmt.Errorf("onnx-go delivered %d of %d nodes and %d of %d inputs",
				len(r.operations), len(gp.nodes), len(inputs), len(feeds))
		}
	}
	for _, f := range feeds {
		g.Inputs = append(g.Inputs, graph.Input{Name: f.name, DType: f.dtype, Dims: f.dims})
	}
	for _, name := range outputs {
		g.Outputs = append(g.Outputs, graph.Output{Name: name})
	}
	nodes := make([]graph.Node, len(gp.nodes))
	for i, n := range gp.nodes {
		if err := p.node(&nodes[i], n, &r.operations[i]); err != nil {
			return within(err, "%s", n.label())
		}
		g.Nodes = append(g.Nodes, &nodes[i])
	}
	return nil
}

// node merges one node's two halves.
func (p *parser) node(to *graph.Node, n *nodeProto, o *operation) error {
	if len(n.inputs) == 0 {
		o.inputs = nil // onnx-go makes up an input for a node that has none
	}
	if o.op != n.op || !slices.Equal(o.inputs, n.inputs) || !slices.Equal(o.outputs, n.outputs) {
		return fmt.Errorf("onnx-go read %s %q -> %q instead of %q -> %q", o.op, o.inputs, o.outputs, n.inputs, n.outputs)
	}
	*to = graph.Node{Name: n.name, Op: o.op, Domain: n.domain, Inputs: o.inputs, Outputs: o.outputs}
	to.Attrs = make(map[string]graph.Attr, len(n.attributes))
	for i := range n.attributes {
		a := &n.attributes[i]
		switch {
		case a.ref != "":
			return wrong(ErrCorrupt, "attribute %s refers to a function's, outside of one", quote(a.name))
		case a.kind.delivered():
			to.Attrs[a.name] = o.attributes[a.name]
		case a.kind == kindTensor:
			v, err := p.values(a.tensor)
			if err != nil {
				return within(err, "attribute %s", quote(a.name))
			}
			to.Attrs[a.name] = v
		case a.kind == kindGraph: // see bodies: it needs the names of this graph first
		default:
			return wrong(ErrUnsupported, "attribute %s holds %v", quote(a.name), a.kind)
		}
	}
	return nil
}

// bodies makes the graphs that lie inside a node.
func (p *parser) bodies(to *graph.Node, n *nodeProto, s *scope) error {
	for i := range n.attributes {
		a := &n.attributes[i]
		if a.kind != kindGraph {
			continue
		}
		g, err := p.graph(a.graph, s)
		if err != nil {
			return within(err, "attribute %s", quote(a.name))
		}
		to.Attrs[a.name] = g
	}
	return nil
}
