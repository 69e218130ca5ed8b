package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A slice takes a range of an axis. The result's shape says how long it is, unless
// the axis is dropped: then one index is taken.
type slice struct {
	axis, from int
	every      int
	drop       bool

	noConstants
	stopsTranspose
	noHalo
	separateInputs
	sharedResult
	noEpilogue
	floatsOnly
	noCost
	noParameters
}

func (*slice) name() string { return "slice" }

func (s *slice) assignOrders(_ *orders, n *node) { n.out[0].order = s.keptOrder(n.in[0].order) }

func (s *slice) asView() viewOperation { return s }

func (*slice) isView(*node, bool) bool { return true }

func (s *slice) strides(n *node, from []int) (first int, stride []int) {
	stride = make([]int, len(n.out[0].shape))
	for i := range stride {
		stride[i] = from[s.source(i)]
		if s.source(i) == s.axis {
			stride[i] *= s.every
		}
	}
	return s.from * from[s.axis], stride
}

func (s *slice) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	if out.Strided {
		p.emitNothing(in)
		return
	}
	p.emit(n.label, s.step(n), in, out)
}

// step copies the range.
func (s *slice) step(n *node) *exec.Slice {
	out, all := n.out[0], n.in[0].array().Strides()
	c := &exec.Slice{In: n.in[0].view, Out: out.view, Begin: n.in[0].view.At(0, 0, 0) + s.from*all[s.axis]}
	for _, axis := range out.order {
		step := all[s.source(axis)]
		if s.source(axis) == s.axis {
			step *= s.every
		}
		c.Moves.Append(out.shape[axis], step)
	}
	return c
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
			part = &value{name: x.name, dtype: x.dtype, integer: x.integer, shape: shape}
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
		s := &slice{axis: i, every: 1}
		if axes != nil {
			s.axis = axes[i]
		}
		if s.axis < 0 {
			s.axis += len(x.shape)
		}
		if steps != nil {
			s.every = steps[i]
		}
		if s.every < 1 {
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
		l.append(&node{label: src.Label(), op: &slice{axis: axis, from: from, every: 1}, out: []*value{v}}, x)
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
	op := &slice{axis: axis, from: at[0], every: 1, drop: len(index.shape) == 0}
	l.append(&node{label: src.Label(), op: op, out: []*value{out}}, x)
	return true
}

// gradient: x gets dy where it was taken from, and nothing elsewhere.
func (s *slice) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], b.add(&sliceGradient{slice: s}, n.in[0].shape, dy))
	return nil
}
