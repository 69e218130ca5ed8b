package graph

import "featstore/extract/internal/tensor"

// Int returns the int attribute called name, or def when the node has none.
func (n *Node) Int(name string, def int) int {
	if v, ok := n.Attrs[name].(int64); ok {
		return int(v)
	}
	return def
}

// Float returns the float attribute called name, or def when the node has none.
func (n *Node) Float(name string, def float32) float32 {
	if v, ok := n.Attrs[name].(float32); ok {
		return v
	}
	return def
}

// Text returns the string attribute called name, or def when the node has none.
func (n *Node) Text(name, def string) string {
	if v, ok := n.Attrs[name].(string); ok {
		return v
	}
	return def
}

// Ints returns the int list called name, or nil when the node has none.
func (n *Node) Ints(name string) []int {
	v, ok := n.Attrs[name].([]int64)
	if !ok {
		return nil
	}
	s := make([]int, len(v))
	for i, x := range v {
		s[i] = int(x)
	}
	return s
}

// Tensor returns the tensor attribute called name, or nil when the node has none.
func (n *Node) Tensor(name string) *tensor.Tensor {
	v, _ := n.Attrs[name].(*tensor.Tensor)
	return v
}
