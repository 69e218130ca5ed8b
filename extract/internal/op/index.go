package op

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// strides returns the distance between neighbours along each axis of a row-major
// array.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for d := len(shape) - 1; d >= 0; d-- {
		s[d] = n
		n *= shape[d]
	}
	return s
}

// view lists the flat indexes base + Σ i[d]·stride[d] for every index i below
// shape, in row-major order. With strides of 0 it repeats, with negative ones it
// runs backwards, with permuted ones it transposes.
func view(shape, stride []int, base int) []int {
	out := make([]int, tensor.Len(shape))
	if len(out) == 0 {
		return out
	}
	out[0] = base
	m := 1 // out[:m] is done: the inner axes at index 0 of the outer ones
	for d := len(shape) - 1; d >= 0; d-- {
		for i := 1; i < shape[d]; i++ {
			step := i * stride[d]
			for j, v := range out[:m] {
				out[i*m+j] = v + step
			}
		}
		m *= shape[d]
	}
	return out
}

// broadcast returns the shape that all shapes stretch to by NumPy's rule: aligned
// at the last axis, equal or 1.
func broadcast(shapes ...[]int) []int {
	out := []int{}
	for _, s := range shapes {
		for len(out) < len(s) {
			out = slices.Insert(out, 0, 1)
		}
		for i, d := range s {
			o := &out[len(out)-len(s)+i]
			require(*o == d || *o == 1 || d == 1, "shapes %v do not broadcast", shapes)
			if d != 1 {
				*o = d
			}
		}
	}
	return out
}

// stretched returns the flat indexes into an array of the given shape that fill
// the shape it is broadcast to, or nil if the two are the same.
func stretched(shape, to []int) []int {
	if slices.Equal(shape, to) {
		return nil
	}
	return view(to, stretchedStrides(shape, to), 0)
}

func stretchedStrides(shape, to []int) []int {
	require(slices.Equal(broadcast(shape, to), to), "shape %v does not broadcast to %v", shape, to)
	st := make([]int, len(to))
	skip := len(to) - len(shape)
	for d, s := range strides(shape) {
		if shape[d] != 1 {
			st[skip+d] = s
		}
	}
	return st
}

// lanes splits a shape at an axis: the array is outer × n × inner, and the lane
// (o, i) has its elements at (o·n + k)·inner + i.
func lanes(shape []int, axis int) (outer, n, inner int) {
	return tensor.Len(shape[:axis]), shape[axis], tensor.Len(shape[axis+1:])
}

// without returns the shape with the axes set to 1, or gone if !keep.
func without(shape, axes []int, keep bool) []int {
	out := []int{}
	for d, n := range shape {
		switch {
		case !slices.Contains(axes, d):
			out = append(out, n)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

// sequence returns 0, 1, … n-1.
func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
