package onnxtest

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/tensor"
)

// Attrs are a node's attributes. A value is an int, int64, float32, float64,
// string, []int, []int64, []float32, []string, *tensor.Tensor, *Graph, or a Ref.
type Attrs map[string]any

// A Ref is, in a function, the value of the function's attribute of that name.
type Ref struct {
	Name string
	Like any // a value of the attribute's type, as 0 for an int
}

// A Node is one node with everything there is to say about it.
type Node struct {
	Name, Op, Domain, Overload string
	Inputs, Outputs            []string
	Attrs                      Attrs
	RawAttrs                   []Message // encoded AttributeProtos
}

// Op adds a node of one output and returns the output's name.
func (g *Graph) Op(op string, inputs []string, attrs Attrs) string {
	return g.Ops(op, 1, inputs, attrs)[0]
}

// Ops adds a node of several outputs and returns their names.
func (g *Graph) Ops(op string, outputs int, inputs []string, attrs Attrs) []string {
	out := make([]string, outputs)
	for i := range out {
		out[i] = g.fresh(op)
	}
	g.Node(Node{Op: op, Inputs: inputs, Outputs: out, Attrs: attrs})
	return out
}

// As adds a node of one output with the given name, and returns that name.
func (g *Graph) As(output, op string, inputs []string, attrs Attrs) string {
	g.Node(Node{Op: op, Inputs: inputs, Outputs: []string{output}, Attrs: attrs})
	return output
}

// Node adds a node.
func (g *Graph) Node(n Node) { g.RawNode(n.encode()) }

// RawNode adds an encoded NodeProto.
func (g *Graph) RawNode(n Message) { g.nodes = append(g.nodes, n) }

func (n Node) encode() Message {
	var b Message
	for _, s := range n.Inputs {
		b = b.Text(1, s)
	}
	for _, s := range n.Outputs {
		b = b.Text(2, s)
	}
	if n.Name != "" {
		b = b.Text(3, n.Name)
	}
	b = b.Text(4, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		b = b.Bytes(5, Attribute(name, n.Attrs[name]))
	}
	for _, a := range n.RawAttrs {
		b = b.Bytes(5, a)
	}
	if n.Domain != "" {
		b = b.Text(7, n.Domain)
	}
	if n.Overload != "" {
		b = b.Text(8, n.Overload)
	}
	return b
}

// Attribute encodes an AttributeProto; see Attrs for what value may be.
func Attribute(name string, value any) Message {
	b := Message{}.Text(1, name)
	if r, ok := value.(Ref); ok {
		_, kind := attributeValue(nil, r.Like)
		return b.Varint(20, kind).Text(21, r.Name)
	}
	b, kind := attributeValue(b, value)
	return b.Varint(20, kind)
}

// attributeValue appends a value and returns its AttributeType.
func attributeValue(b Message, value any) (Message, int64) {
	switch v := value.(type) {
	case float32:
		return b.Float(2, v), 1
	case float64:
		return b.Float(2, float32(v)), 1
	case int:
		return b.Varint(3, int64(v)), 2
	case int64:
		return b.Varint(3, v), 2
	case string:
		return b.Text(4, v), 3
	case *tensor.Tensor:
		return b.Bytes(5, Tensor("", v)), 4
	case *Graph:
		return b.Bytes(6, v.encode(false)), 5
	case []float32:
		for _, x := range v {
			b = b.Float(7, x)
		}
		return b, 6
	case []int:
		for _, x := range v {
			b = b.Varint(8, int64(x))
		}
		return b, 7
	case []int64:
		for _, x := range v {
			b = b.Varint(8, x)
		}
		return b, 7
	case []string:
		for _, x := range v {
			b = b.Text(9, x)
		}
		return b, 8
	}
	panic(fmt.Sprintf("onnxtest: attribute of type %T", value))
}
