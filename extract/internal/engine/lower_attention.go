package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A rowwise works on the vectors along the last axis by themselves: softmax, or
// layer normalisation when it has a scale.
type rowwise struct {
	scale, shift []float32 // shift may be nil
	epsilon      float32
	factor       float32 // softmax of factor·x
}

// A matmul multiplies two values of the same batch axes: […,M,K]·[…,K,N].
type matmul struct{}

// A slice takes a range of an axis. The result's shape says how long it is, unless
// the axis is dropped: then one index is taken.
type slice struct {
	axis, from int
	step       int
	drop       bool
}

// source returns the input's axis that an axis of the result is.
func (s *slice) source(axis int) int {
	if s.drop && axis >= s.axis {
		return axis + 1
	}
	return axis
}

// keptOrder is the order of the result of a slice of a value in the given order.
func (s *slice) keptOrder(order []int) []int {
	if !s.drop {
		return order
	}
	var kept []int
	for _, axis := range order {
		switch {
		case axis < s.axis:
			kept = append(kept, axis)
		case axis > s.axis:
			kept = append(kept, axis-1)
		}
	}
	return kept
}

func lowerSoftmax(n *node, src *graph.Node, opset int64) operation {
	rank := len(n.in[0].shape)
	axis := src.Int("axis", -1)
	if _, ok := src.Attrs["axis"]; !ok && opset < 13 {
		axis = 1
	}
	if !dynamic(n.in[0]) || hasZero(n.in[0].shape) || axis != -1 && axis != rank-1 {
		return nil
	}
	return &rowwise{factor: 1}
}

func lowerLayerNorm(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	rank := len(x.shape)
	if axis := src.Int("axis", -1); !dynamic(x) || hasZero(x.shape) || axis != -1 && axis != rank-1 {
		return nil
	}
	r := &rowwise{epsilon: src.Float("epsilon", 1e-5)}
	var ok bool
	if r.scale, ok = floats(n.in[1]); !ok || len(r.scale) != x.shape[rank-1] {
		return nil
	}
	if len(n.in) > 2 && n.in[2] != nil {
		if r.shift, ok = floats(n.in[2]); !ok || len(r.shift) != len(r.scale) {
			return nil
		}
	}
	r.scale, r.shift = slices.Clone(r.scale), slices.Clone(r.shift) // not the model's memory
	n.keep(x)
	return r
}

// lowerProduct recognises a product of two computed values.
func lowerProduct(n *node) operation {
	a, b := n.in[0], n.in[1]
	rank := len(a.shape)
	if !dynamic(a) || !dynamic(b) || rank < 2 || len(b.shape) != rank || hasZero(n.out[0].shape) || hasZero(a.shape) ||
		!slices.Equal(a.shape[:rank-2], b.shape[:rank-2]) {
		return nil
	}
	return &matmul{}
}

// slice makes a slice for each axis that a Slice cuts.
func (l *lowerer) slice(src *graph.Node) bool {
	x, out := l.value(src.Input(0)), l.value(src.Outputs[0])
	if !dynamic(x) || out == nil || hasZero(out.shape) {
		return false
	}
	cuts := l.cuts(src, x, out)
	if cuts == nil {
		return false
	}
	for i, c := range cuts {
		part := out
		if i < len(cuts)-1 {
			shape := slices.Clone(x.shape)
			shape[c.axis] = out.shape[c.axis]
			part = &value{name: x.name, dtype: x.dtype, whole: x.whole, shape: shape}
		}
		l.append(&node{label: src.Label(), op: c, out: []*value{part}}, x)
		x = part
	}
	if len(cuts) == 0 {
		l.append(&node{label: src.Label(), op: &identity{}, out: []*value{out}}, x)
	}
	return true
}

// cuts returns the slices that make out of x, one for each axis that becomes shorter:
// nil when they are not known or go backwards.
func (l *lowerer) cuts(src *graph.Node, x, out *value) []*slice {
	starts, axes, steps := src.Ints("starts"), src.Ints("axes"), []int(nil)
	if len(src.Inputs) > 1 { // since opset 10
		n := &node{in: []*value{x, l.value(src.Input(1)), nil, l.value(src.Input(3)), l.value(src.Input(4))}}
		starts, axes, steps = integers(n, 1), integers(n, 3), integers(n, 4)
		if n.in[3] != nil && axes == nil || n.in[4] != nil && steps == nil {
			return nil
		}
	}
	if starts == nil {
		return nil
	}
	cuts := []*slice{}
	for i, from := range starts {
		s := &slice{axis: i, step: 1}
		if axes != nil {
			s.axis = axes[i]
		}
		if s.axis < 0 {
			s.axis += len(x.shape)
		}
		if steps != nil {
			s.step = steps[i]
		}
		if s.step < 1 {
			return nil
		}
		if from < 0 {
			from += x.shape[s.axis]
		}
		s.from = max(from, 0)
		if x.shape[s.axis] != out.shape[s.axis] {
			cuts = append(cuts, s)
		}
	}
	return cuts
}

// integers returns the values of an integer constant, nil for anything else.
func integers(n *node, i int) []int {
	if i >= len(n.in) || n.in[i] == nil || n.in[i].constant == nil {
		return nil
	}
	v := []int{}
	switch n.in[i].dtype {
	case tensor.Int64:
		for _, x := range tensor.Values[int64](n.in[i].constant) {
			v = append(v, int(x))
		}
	case tensor.Int32:
		for _, x := range tensor.Values[int32](n.in[i].constant) {
			v = append(v, int(x))
		}
	default:
		return nil
	}
	return v
}

// split makes a slice of every output of a Split.
func (l *lowerer) split(src *graph.Node) bool {
	x := l.value(src.Input(0))
	if !dynamic(x) || hasZero(x.shape) {
		return false
	}
	axis, from := src.Int("axis", 0), 0
	if axis < 0 {
		axis += len(x.shape)
	}
	for _, name := range src.Outputs {
		v := l.value(name)
		if v == nil || hasZero(v.shape) {
			return false
		}
		l.append(&node{label: src.Label(), op: &slice{axis: axis, from: from, step: 1}, out: []*value{v}}, x)
		from += v.shape[axis]
	}
	return true
}

// pick makes a slice of a Gather of one index.
func (l *lowerer) pick(src *graph.Node) bool {
	x, index, out := l.value(src.Input(0)), l.value(src.Input(1)), l.value(src.Outputs[0])
	at := integers(&node{in: []*value{index}}, 0)
	if !dynamic(x) || len(at) != 1 || len(index.shape) > 1 || out == nil || hasZero(x.shape) || len(x.shape) < 2 {
		return false
	}
	axis := src.Int("axis", 0)
	if axis < 0 {
		axis += len(x.shape)
	}
	if at[0] < 0 {
		at[0] += x.shape[axis]
	}
	op := &slice{axis: axis, from: at[0], step: 1, drop: len(index.shape) == 0}
	l.append(&node{label: src.Label(), op: op, out: []*value{out}}, x)
	return true
}

func (l *lowerer) append(n *node, inputs ...*value) {
	for _, v := range inputs {
		n.addInput(v)
	}
	for _, v := range n.out {
		v.def = n
	}
	l.net.nodes = append(l.net.nodes, n)
}
