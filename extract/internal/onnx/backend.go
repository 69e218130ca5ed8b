package onnx

import (
	"github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
)

// An operation is a node as onnx-go delivers it.
type operation struct {
	op              string
	inputs, outputs []string
	attributes      map[string]any
}

// deliver lets onnx-go decode a skeleton.
func deliver(skeleton []byte) (r *recorder, inputs, outputs []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = wrong(ErrCorrupt, "onnx-go: %v", p)
		}
	}()
	r = &recorder{}
	m := onnx.NewModel(r)
	if err := m.UnmarshalBinary(skeleton); err != nil {
		return nil, nil, nil, wrong(ErrCorrupt, "onnx-go: %v", err)
	}
	for _, id := range m.Input {
		inputs = append(inputs, r.values[id].name)
	}
	for _, id := range m.Output {
		outputs = append(outputs, r.values[id].name)
	}
	return r, inputs, outputs, nil
}

// recorder is the backend that onnx-go fills. It writes down each operation with
// its inputs in order and keeps no graph: onnx-go sets a node's edges, one for each
// pair of output and input, right before it applies the operation.
//
// Its nodes carry no tensors, so onnx-go decodes none.
type recorder struct {
	values     []*value
	edges      []edge
	operations []operation
}

// A value is a node of onnx-go's graph: a named tensor.
type value struct {
	id   int64
	name string
}

func (v *value) ID() int64        { return v.id }
func (v *value) SetName(s string) { v.name = s }
func (v *value) GetName() string  { return v.name }

// An edge leads from an output to an input; its weight is the input's place.
type edge struct {
	from, to *value
	weight   float64
}

func (e edge) From() graph.Node         { return e.from }
func (e edge) To() graph.Node           { return e.to }
func (e edge) ReversedEdge() graph.Edge { return edge{e.to, e.from, e.weight} }
func (e edge) Weight() float64          { return e.weight }

var _ onnx.Backend = (*recorder)(nil)

func (r *recorder) NewNode() graph.Node  { return &value{id: int64(len(r.values))} }
func (r *recorder) AddNode(n graph.Node) { r.values = append(r.values, n.(*value)) }

func (r *recorder) NewWeightedEdge(from, to graph.Node, w float64) graph.WeightedEdge {
	return edge{from.(*value), to.(*value), w}
}

// SetWeightedEdge keeps the edges of the operation's first output: the others have the
// same ones.
func (r *recorder) SetWeightedEdge(e graph.WeightedEdge) {
	if e := e.(edge); len(r.edges) == 0 || e.from == r.edges[0].from {
		r.edges = append(r.edges, e)
	}
}

// ApplyOperation writes down the operation whose edges were just set.
func (r *recorder) ApplyOperation(op onnx.Operation, outputs ...graph.Node) error {
	o := operation{op: op.Name, attributes: op.Attributes}
	for _, n := range outputs {
		o.outputs = append(o.outputs, n.(*value).name)
	}
	for _, e := range r.edges {
		if int(e.weight) == len(o.inputs) { // false when the first output is "", an absent one, and so is another
			o.inputs = append(o.inputs, e.to.name)
		}
	}
	r.edges = r.edges[:0]
	r.operations = append(r.operations, o)
	return nil
}

// Node returns the value with the given ID.
func (r *recorder) Node(id int64) graph.Node {
	if id < 0 || id >= int64(len(r.values)) {
		return nil
	}
	return r.values[id]
}

// Methods that onnx-go does not call while it decodes.

func (r *recorder) Nodes() graph.Nodes             { return graph.Empty }
func (r *recorder) From(int64) graph.Nodes         { return graph.Empty }
func (r *recorder) To(int64) graph.Nodes           { return graph.Empty }
func (r *recorder) HasEdgeBetween(_, _ int64) bool { return false }
func (r *recorder) HasEdgeFromTo(_, _ int64) bool  { return false }
func (r *recorder) Edge(_, _ int64) graph.Edge     { return nil }
