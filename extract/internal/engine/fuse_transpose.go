package engine

import "slices"

// Networks from TensorFlow run channels-last and wrap every convolution in a pair
// of Transposes, with the bias and the activation between two pairs. Moving each
// Transpose behind what follows it brings the pairs together, where they cancel,
// and brings the activation to its convolution.

// mergeTransposes joins two Transposes, and drops one that moves nothing.
func mergeTransposes(g *net, n *node) bool {
	t, ok := n.op.(*transpose)
	if !ok {
		return false
	}
	if slices.IsSorted(t.perm) {
		g.replace(n.out[0], n.in[0])
		return true
	}
	if n.in[0].def == nil {
		return false
	}
	first, ok := n.in[0].def.op.(*transpose)
	if !ok {
		return false
	}
	perm := make([]int, len(t.perm))
	for i, axis := range t.perm {
		perm[i] = first.perm[axis]
	}
	g.absorb(n, &transpose{perm: perm}, n.in[0].def.in[0])
	return true
}

// sinkTranspose moves a Transpose from before a pointwise operation to behind it.
func sinkTranspose(g *net, n *node) bool {
	t := transposeOf(n.in)
	if t == nil {
		return false
	}
	op := n.op.beforeTranspose(n, t.perm)
	if op == nil {
		return false
	}
	inputs := make([]*value, len(n.in))
	for i, v := range n.in {
		inputs[i] = v.def.in[0]
	}
	shape := make([]int, len(t.perm))
	for i, axis := range t.perm {
		shape[axis] = n.out[0].shape[i]
	}
	g.absorb(n, &transpose{perm: t.perm}, g.insert(n, op, shape, inputs...))
	return true
}

// transposeOf returns the Transpose that computes all of the values, each by a
// node of its own but with the same permutation; else nil.
func transposeOf(values []*value) *transpose {
	var first *transpose
	for _, v := range values {
		if v == nil || v.def == nil {
			return nil
		}
		t, ok := v.def.op.(*transpose)
		if !ok || first != nil && !slices.Equal(t.perm, first.perm) {
			return nil
		}
		first = t
	}
	return first
}

// swapsChannels reports whether a permutation only moves the channels of images.
func swapsChannels(perm []int) bool {
	return slices.Equal(perm, []int{0, 2, 3, 1}) || slices.Equal(perm, []int{0, 3, 1, 2})
}
