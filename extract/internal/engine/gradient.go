package engine

import (
	"errors"
	"fmt"
	"slices"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// ErrNoGradient is the error of CompileTraining for a network with an operation that
// has no backward pass.
var ErrNoGradient = errors.New("no gradient")

// errNothing is the error of CompileTraining for a network without weights.
var errNothing = errors.New("nothing can be trained: no weights lie between the cut and the tap")

// backward appends the backward pass to a net: for every value that depends on a
// parameter, the gradient of the loss by it, from the last node to the first. A node is
// asked once all readers of its result have said what they bring to its gradient.
type backward struct {
	net   *net
	parts map[*value][]*value // what the readers of a value bring to its gradient
	needs map[*value]bool     // whether a value depends on a parameter
	label string              // of the node whose gradient is computed
}

// differentiate appends the backward pass to g. The gradient of the loss by g.output is
// the result of the seed, the first of the nodes appended.
func (g *net) differentiate() (seed *node, err error) {
	b := &backward{net: g, parts: map[*value][]*value{}, needs: map[*value]bool{}}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil && v.trained != nil {
				b.needs[v] = true
			}
		}
		depends := len(n.op.parameters()) > 0 || slices.ContainsFunc(n.in, func(v *value) bool { return b.needs[v] })
		for _, v := range n.out {
			b.needs[v] = depends
		}
	}
	if !b.needs[g.output] {
		return nil, errNothing
	}
	forward := g.nodes
	b.effect(&storeTap{}, g.output)
	first := b.add(&gradientSeed{}, g.output.shape)
	seed = first.def
	b.parts[g.output] = []*value{first}
	for _, n := range slices.Backward(forward) {
		if !b.needs[n.out[0]] {
			continue
		}
		b.label = n.label
		for _, v := range n.out[1:] {
			if len(b.parts[v]) > 0 {
				return nil, fmt.Errorf("%s: %w by its other results", n.label, ErrNoGradient)
			}
		}
		if dy := b.sum(n.out[0]); dy != nil {
			if err := n.op.gradient(b, n, dy); err != nil {
				return nil, fmt.Errorf("%s: %w", n.label, err)
			}
			b.constants(n)
		}
	}
	return seed, nil
}

// constants adds what n brought to its constant operands to the gradients of the
// parameters that these follow from. No other node reads them.
func (b *backward) constants(n *node) {
	for _, v := range n.in {
		if v == nil || v.trained == nil {
			continue
		}
		if dy := b.sum(v); dy != nil {
			b.effect(&constantGradient{constant: v.trained}, dy)
			delete(b.parts, v)
		}
	}
}

// sum returns the gradient by v: the sum of what its readers brought, nil for nothing.
func (b *backward) sum(v *value) *value {
	parts := b.parts[v]
	if len(parts) == 0 {
		return nil
	}
	total := parts[0]
	for _, p := range parts[1:] {
		total = b.add(&binary{fn: '+'}, v.shape, total, p)
	}
	return total
}

// bring adds dx to the gradient by x.
func (b *backward) bring(x, dx *value) { b.parts[x] = append(b.parts[x], dx) }

// wanted reports whether the gradient by x is needed.
func (b *backward) wanted(x *value) bool { return b.needs[x] }

// add appends a node and returns its result.
func (b *backward) add(op operation, shape []int, inputs ...*value) *value {
	v := &value{name: b.label, dtype: tensor.Float32, shape: shape}
	n := b.effect(op, inputs...)
	n.out, v.def = []*value{v}, n
	return v
}

// effect appends a node without a result: it adds to the gradient of a parameter.
func (b *backward) effect(op operation, inputs ...*value) *node {
	n := &node{label: b.label, op: op}
	for _, in := range inputs {
		n.addInput(in)
	}
	b.net.nodes = append(b.net.nodes, n)
	return n
}

// activation takes dy back through an activation at the end of an operation whose
// result is y.
func (b *backward) activation(a kernel.Activation, y, dy *value) *value {
	if a.Func == kernel.Linear {
		return dy
	}
	return b.add(&activateGradient{act: a}, y.shape, dy, y)
}

// reduced sums dy over the pixels of an image where x has but one of them.
func (b *backward) reduced(x, dy *value) *value {
	if slices.Equal(x.shape, dy.shape) {
		return dy
	}
	mean := b.add(&spatialMean{channel: 1}, x.shape, dy)
	return b.scaled(mean, float32(tensor.Len(dy.shape[2:])))
}

// scaled is v times a factor.
func (b *backward) scaled(v *value, factor float32) *value {
	return b.add(&activate{Activation: kernel.Activation{Func: kernel.Affine, A: factor}}, v.shape, v)
}
