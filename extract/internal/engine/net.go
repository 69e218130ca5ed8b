package engine

import (
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/tensor"
)

// A net is the lowered network: what the rewrites work on.
type net struct {
	nodes  []*node // topologically sorted
	input  *value
	output *value
	pooled []int // axes of the tap that poolTap takes the mean or largest over

	before map[*node][]*node // nodes that sweep will insert before another one
}

// A value is what a node computes, the network's input, or a constant.
type value struct {
	name     string
	dtype    tensor.DType
	integer  tensor.DType     // int8 or uint8 where the model has such integers, which float32 holds as well
	shape    []int            // logical, as in the model
	constant *tensor.Tensor   // the values of a constant, else nil
	trained  *trainedConstant // how a constant follows from a parameter, else nil
	def      *node            // the node that computes it, nil for input and constants
	users    []*node          // one entry for every use

	quant *quantParams // what its bytes stand for, when it lies in memory as bytes; else nil
	order []int        // axes from outermost to innermost in memory; see order.go
	view  *memory.View // where it lies; see placement.go
}

// array is the value where it lies.
func (v *value) array() *memory.Array {
	return &memory.Array{Shape: v.shape, Order: v.order, View: v.view}
}

// A node is one operation of the lowered network.
type node struct {
	label string // the model's name for it, for messages
	op    operation
	in    []*value // nil for an absent input
	out   []*value
}

func (n *node) setInput(i int, v *value) {
	if old := n.in[i]; old != nil {
		k := slices.Index(old.users, n)
		old.users = slices.Delete(old.users, k, k+1)
	}
	n.in[i] = v
	if v != nil {
		v.users = append(v.users, n)
	}
}

func (n *node) addInput(v *value) {
	n.in = append(n.in, nil)
	n.setInput(len(n.in)-1, v)
}

// replace makes every user of old, and the net's output, read v instead.
func (g *net) replace(old, v *value) {
	for _, u := range slices.Clone(old.users) {
		for i, in := range u.in {
			if in == old {
				u.setInput(i, v)
			}
		}
	}
	if g.output == old {
		g.output = v
	}
}

// sweep drops the nodes whose outputs nobody reads.
func (g *net) sweep() {
	g.insertPending()
	for i := len(g.nodes) - 1; i >= 0; i-- {
		if n := g.nodes[i]; !g.alive(n) {
			for k := range n.in {
				n.setInput(k, nil)
			}
			g.nodes[i] = nil
		}
	}
	g.nodes = slices.DeleteFunc(g.nodes, func(n *node) bool { return n == nil })
}

// insert puts a node that computes a new value before n, at the next sweep.
func (g *net) insert(n *node, op operation, shape []int, inputs ...*value) *value {
	v := &value{name: n.out[0].name, dtype: tensor.Float32, integer: n.out[0].integer, shape: shape}
	m := &node{label: n.label, op: op, out: []*value{v}}
	v.def = m
	for _, in := range inputs {
		m.addInput(in)
	}
	if g.before == nil {
		g.before = map[*node][]*node{}
	}
	g.before[n] = append(g.before[n], m)
	return v
}

func (g *net) insertPending() {
	if len(g.before) == 0 {
		return
	}
	var all []*node
	for _, n := range g.nodes {
		all = append(append(all, g.before[n]...), n)
	}
	g.nodes, g.before = all, nil
}

func (g *net) alive(n *node) bool {
	for _, v := range n.out {
		if len(v.users) > 0 || v == g.output {
			return true
		}
	}
	return len(n.out) == 0 // done for its effect
}

// only reports whether v has exactly one reader.
func (g *net) only(v *value) bool { return len(v.users) == 1 && v != g.output }

func isFloat(v *value) bool { return v != nil && v.dtype == tensor.Float32 }

// dynamic reports whether v is a float32 value that is computed at run time.
func dynamic(v *value) bool { return isFloat(v) && v.constant == nil }

// floats returns the values of a float32 constant.
func floats(v *value) ([]float32, bool) {
	if v == nil || v.constant == nil || v.dtype != tensor.Float32 {
		return nil, false
	}
	return tensor.Values[float32](v.constant), true
}
