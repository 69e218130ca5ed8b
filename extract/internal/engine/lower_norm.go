package engine

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// groupNorm writes GroupNormalization out. Until opset 21 scale and bias are given for
// each group, since then for each channel.
func (l *lowerer) groupNorm(src *graph.Node) bool {
	x := l.value(src.Input(0))
	groups := src.Int("num_groups", 0)
	if groups < 1 || !isFloat(x) || len(x.shape) < 2 || x.shape[1]%groups != 0 {
		return false
	}
	return l.normalizeGroups(src, x, groups)
}

// instanceNorm writes InstanceNormalization out: every channel is a group.
func (l *lowerer) instanceNorm(src *graph.Node) bool {
	x := l.value(src.Input(0))
	if !isFloat(x) || len(x.shape) < 3 {
		return false
	}
	return l.normalizeGroups(src, x, x.shape[1])
}

// normalizeGroups brings groups of channels of each image to mean 0 and variance 1, which
// is a layer normalisation of rows N×groups×1×rest without a scale, and then scales and
// shifts by group or by channel.
func (l *lowerer) normalizeGroups(src *graph.Node, x *value, groups int) bool {
	scale, ok := floats(l.value(src.Input(1)))
	shift, ok2 := floats(l.value(src.Input(2)))
	out, n := l.value(src.Outputs[0]), len(scale)
	if !ok || !ok2 || !dynamic(x) || x.integer != 0 || !isFloat(out) || hasZero(x.shape) || len(shift) != n || n != groups && n != x.shape[1] {
		return false
	}
	m := &maker{l, src.Label()}
	size := tensor.Len(x.shape[1:]) / groups
	rows := []int{x.shape[0], groups, 1, size}
	y := m.reshaped(x, rows)
	y = m.node(&rowwise{scale: slices.Repeat([]float32{1}, size), epsilon: src.Float("epsilon", 1e-5)}, rows, y)
	if n != groups {
		y = m.reshaped(y, x.shape)
	}
	if !formula(scale, shift) || n != groups {
		y = m.node(l.channelScale(src, scale, shift), y.shape, y)
	}
	m.name(m.reshaped(y, x.shape), out)
	return true
}

// formula reports whether scale and shift do nothing. Exporters write them so where the
// network has none, or its own behind the node: they are not weights.
func formula(scale, shift []float32) bool {
	return !slices.ContainsFunc(scale, func(v float32) bool { return v != 1 }) && allZero(shift)
}

// channelScale is scale and shift along axis 1, inputs 1 and 2 of a node, which are
// trained.
func (l *lowerer) channelScale(src *graph.Node, scale, shift []float32) *conv {
	c := scaleShift(1, slices.Clone(scale), slices.Clone(shift)) // not the model's memory
	if l.params != nil {
		c.training = l.params.scaleAndShift(l.value(src.Input(1)), l.value(src.Input(2)), c.COut)
	}
	return c
}
