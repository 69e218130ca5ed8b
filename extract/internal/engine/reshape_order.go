package engine

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// reshapedOrder returns the order in memory of a reshaped value when no element
// has to move: every group of axes that is split or merged must lie together in
// memory, in its logical order. Else it returns nil.
func reshapedOrder(in *value, shape []int) []int {
	var order, units []int
	seen := make([]bool, len(in.shape))
	groups := axisGroups(in.shape, shape)
	if groups == nil {
		return nil
	}
	for i := 0; i < len(in.order); i++ {
		axis := in.order[i]
		if seen[axis] || in.shape[axis] == 1 {
			continue
		}
		g := groups[slices.IndexFunc(groups, func(g axisGroup) bool { return axis >= g.in[0] && axis < g.in[1] })]
		long := keepIf(span(g.in), func(a int) bool { return in.shape[a] != 1 })
		rest := keepIf(in.order[i:], func(a int) bool { return in.shape[a] != 1 })
		if len(rest) < len(long) || !slices.Equal(rest[:len(long)], long) {
			return nil
		}
		for _, a := range long {
			seen[a] = true
		}
		order = append(order, keepIf(span(g.out), func(a int) bool { return shape[a] != 1 })...)
	}
	for a, d := range shape {
		if d == 1 {
			units = append(units, a)
		}
	}
	return append(units, order...)
}

// gatheredOrder returns the order nearest to v's own in which v can be reshaped:
// axes that are merged or split together move to the innermost of them. So the
// shuffle of channels leaves channels innermost.
func gatheredOrder(v *value, shape []int) []int {
	groups := axisGroups(v.shape, shape)
	if groups == nil {
		return identityOrder(len(v.shape))
	}
	groupOf := func(axis int) int {
		return slices.IndexFunc(groups, func(g axisGroup) bool { return axis >= g.in[0] && axis < g.in[1] })
	}
	var order []int
	placed := make([]bool, len(groups))
	for _, axis := range slices.Backward(v.order) {
		k := groupOf(axis)
		if k < 0 {
			return identityOrder(len(v.shape)) // an axis of one element behind the last group
		}
		if !placed[k] && (v.shape[axis] != 1 || groups[k].in[1]-groups[k].in[0] == 1) {
			order = append(span(groups[k].in), order...)
			placed[k] = true
		}
	}
	for k, g := range groups {
		if !placed[k] {
			order = append(span(g.in), order...)
		}
	}
	return order
}

// An axisGroup is a range of axes before and after a reshape that hold the same
// elements: [from, to) each.
type axisGroup struct{ in, out [2]int }

func span(r [2]int) []int {
	var s []int
	for i := r[0]; i < r[1]; i++ {
		s = append(s, i)
	}
	return s
}

// axisGroups cuts two shapes of as many elements into the smallest groups.
func axisGroups(in, out []int) []axisGroup {
	if tensor.Len(in) != tensor.Len(out) {
		return nil
	}
	var groups []axisGroup
	i, o := 0, 0
	for i < len(in) && o < len(out) {
		g := axisGroup{in: [2]int{i, i + 1}, out: [2]int{o, o + 1}}
		a, b := in[i], out[o]
		for a != b {
			if a < b {
				a *= in[g.in[1]]
				g.in[1]++
			} else {
				b *= out[g.out[1]]
				g.out[1]++
			}
		}
		groups = append(groups, g)
		i, o = g.in[1], g.out[1]
	}
	if len(groups) == 0 {
		return nil
	}
	groups[len(groups)-1].in[1], groups[len(groups)-1].out[1] = len(in), len(out) // trailing ones
	return groups
}
