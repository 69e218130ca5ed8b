package engine

import (
	"slices"

	"featstore/extract/internal/engine/memory"
)

// Slices, and what is a Transpose or a reshape of one, need no memory: they are
// views with strides of their own of the value that was sliced. Queries, keys and
// values of an attention layer are such.

// views returns the values that may be views.
func (g *net) views() map[*value]bool {
	views := map[*value]bool{}
	for _, n := range g.nodes {
		if op := n.op.asView(); op != nil && op.isView(n, views[n.in[0]]) {
			views[n.out[0]] = true
		}
	}
	return views
}

// viewOfInput returns a view for n's result inside that of its input: nil if the
// elements are not evenly spaced.
func viewOfInput(n *node) *memory.View {
	v := n.in[0]
	if v.view == nil || v.view.Buffer.Constant != nil {
		return nil
	}
	first, stride := n.op.asView().strides(n, v.array().Strides())
	if stride == nil {
		return nil
	}
	return stridedView(v.view.Buffer, v.view.At(0, 0, 0)+first, n.out[0], stride)
}

// reshapedStrides returns the strides of a reshaped value, nil when elements that
// come together are not evenly spaced.
func reshapedStrides(in, out, from []int) []int {
	stride := make([]int, len(out))
	for _, g := range axisGroups(in, out) {
		next := 0
		for i := g.in[1] - 1; i >= g.in[0]; i-- {
			if in[i] == 1 {
				continue
			}
			if next != 0 && from[i] != next {
				return nil
			}
			if next == 0 {
				fill := from[i]
				for o := g.out[1] - 1; o >= g.out[0]; o-- {
					stride[o] = fill
					fill *= out[o]
				}
			}
			next = from[i] * in[i]
		}
	}
	return stride
}

// stridedView expresses a value with the given strides as a view: the channels
// have to be in one piece, and axes beyond the third must continue the images.
func stridedView(r *memory.Buffer, base int, v *value, stride []int) *memory.View {
	n, h, w, c := dimensions(v)
	d := v.physical()
	step := func(fromEnd int) int {
		if i := len(d) - 1 - fromEnd; i >= 0 && d[i] > 1 {
			return stride[v.order[i]]
		}
		return 0 // of no importance
	}
	if c > 1 && step(0) != 1 {
		return nil
	}
	p := &memory.View{Buffer: r, N: n, H: h, W: w, C: c, Strided: true, Base: base, LD: max(step(1), c), RowStep: step(2), ImageStep: step(3)}
	if len(d) == 3 {
		p.RowStep, p.ImageStep = 0, step(2)
	}
	next := 0
	for i, size := range slices.Backward(d[:max(len(d)-3, 0)]) {
		if size == 1 {
			continue
		}
		s := stride[v.order[i]]
		if next != 0 && s != next {
			return nil
		}
		if next == 0 {
			p.ImageStep = s
		}
		next = s * size
	}
	return p
}
