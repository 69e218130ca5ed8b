// Package graph is the in-memory form of a network: the ONNX front end delivers it, the
// passes rewrite it and the engine compiles it.
//
// A Graph is a list of nodes in an order in which each comes after the nodes it
// reads from. Values are named by strings, as in ONNX: the name "" stands for an
// absent optional input or output. A value is either a graph input, an
// initializer (a constant with values), or the output of exactly one node.
package graph

import "featstore/extract/internal/tensor"

// A Graph is one network.
type Graph struct {
	Name         string
	Inputs       []Input                   // without those that have an initializer of the same name
	Outputs      []Output                  // in the model's order
	Nodes        []*Node                   // topologically sorted
	Initializers map[string]*tensor.Tensor // constants by value name
	Opsets       map[string]int64          // domain ("" is ai.onnx) to opset version
	Metadata     map[string]string         // the model's metadata_props
	Producer     string                    // producer name and version, for messages
}

// An Input is a value that the caller feeds.
type Input struct {
	Name  string
	DType tensor.DType
	Dims  []Dim // nil when the model declares no shape
}

// An Output is a value that the model declares as a result. What it declares of a type
// and shape is not kept when a model is read: the engine infers them.
type Output struct {
	Name  string
	DType tensor.DType // 0 for float32
	Dims  []Dim        // nil for an unknown shape
}

// A Dim is one declared dimension: a size, or a symbol such as "N" or
// "batch_size" with Size 0 (an unnamed unknown dimension has Symbol "?").
type Dim struct {
	Size   int
	Symbol string
}

// Known reports whether the dimension has a size. A batch dimension of 0, which
// some exporters write, counts as unknown.
func (d Dim) Known() bool { return d.Symbol == "" && d.Size > 0 }

// A Node is one operator application.
type Node struct {
	Name    string // may be empty; see Label
	Op      string // "Conv"
	Domain  string // "" for ai.onnx
	Inputs  []string
	Outputs []string
	Attrs   map[string]Attr
}

// Label names the node in messages: its name or else its first output, with the
// operator, as `Conv "stem/conv"`.
func (n *Node) Label() string {
	name := n.Name
	for i := 0; name == "" && i < len(n.Outputs); i++ {
		name = n.Outputs[i]
	}
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	return op + ` "` + name + `"`
}

// Input returns the name of the i-th input, or "" when it is absent.
func (n *Node) Input(i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// Reads lists the values that the node reads, in order and with repetitions, including
// those that graphs inside it read.
func (n *Node) Reads() []string {
	var names []string
	for _, in := range n.Inputs {
		if in != "" {
			names = append(names, in)
		}
	}
	for _, a := range n.Attrs {
		if sub, ok := a.(*Graph); ok {
			for _, m := range sub.Nodes {
				names = append(names, m.Reads()...)
			}
			for _, o := range sub.Outputs {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// Attr is the value of a node's attribute: exactly one of int64, float32,
// string, []int64, []float32, []string, *tensor.Tensor or *Graph.
type Attr any
