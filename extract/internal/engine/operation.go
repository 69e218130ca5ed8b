package engine

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
)

// An operation says what a node of the net does, and all that the compiler has to know
// about it: no other file asks which operation a node has. Every question needs an
// answer. Where several operations have the same one, it is a type below that they embed;
// no operation embeds an answer and gives one of its own as well.
type operation interface {
	// name is what a plan calls the operation.
	name() string

	// assignOrders chooses the order of axes in memory of n's results, and asks a for
	// that of its inputs.
	assignOrders(a *orders, n *node)
	// constantOrder is the order of axes in memory that constant inputs have to have,
	// nil where the operation takes them as the model has them.
	constantOrder(n *node) []int
	// beforeTranspose is the operation that computes the same from n's inputs before a
	// Transpose by perm of all of them, so that the Transpose can follow it; nil if there
	// is none.
	beforeTranspose(n *node, perm []int) operation

	// halo is the border of zero pixels that the operation reads around in[0].
	halo(n *node) memory.Borders
	// placeInputs puts inputs where n's result lies, if they can be computed there.
	placeInputs(p *placement, n *node)
	// ownsResult reports whether n's own step writes the result, all of it, to memory
	// that no other value is a part or a view of. A reader may then overwrite it.
	ownsResult() bool
	// asView is how the result can be read in the memory of in[0], nil if it never can.
	asView() viewOperation

	// epilogue is the activation at the end of the operation, if it can have one.
	epilogue() (a kernel.Activation, ok bool)
	// withEpilogue is the operation with another activation at its end.
	withEpilogue(kernel.Activation) operation

	// byteForm is the operation that computes the same from inputs of bytes, or to a
	// result of bytes, and what bytes of the result stand for: both are nil without one.
	byteForm(b *byteForms, n *node) (operation, *quantParams)
	// wantsBytes reports whether the operation has a form that reads in[0] as bytes.
	wantsBytes(b *byteForms, n *node) bool
	// readsBytes reports whether the operation takes inputs that are bytes.
	readsBytes(n *node) bool

	// train makes parameters of the operation's weights: in are the inputs of the
	// graph's node.
	train(set *parameterSet, src *graph.Node, in []*value)
	// parameters are the weights that training moves.
	parameters() []*Parameter
	// gradient appends the backward pass: dy is the gradient of the loss by out[0], and
	// what it brings to the gradients by the inputs is given to b. An operation without
	// one answers ErrNoGradient.
	gradient(b *backward, n *node, dy *value) error

	// cost is what the operation takes by the direct method, after all folding.
	cost(n *node) cost
	// emit appends the steps that do it.
	emit(p *planner, n *node)
}

// A viewOperation computes nothing: its result is its input, seen in another way.
type viewOperation interface {
	// isView reports whether n's result may be a view with strides of its own, when
	// its input is one or not.
	isView(n *node, ofView bool) bool
	// strides returns the first element of n's result and the strides of its axes in
	// the memory of its input, whose strides are given; nil if it is not evenly spaced.
	strides(n *node, from []int) (first int, stride []int)
}

// operations lists every operation: the compiler checks that each has all answers, and a
// test that none is missing.
var _ = []operation{
	(*activate)(nil), (*batchNorm)(nil), (*binary)(nil), (*block)(nil), (*concat)(nil), (*conv)(nil), (*identity)(nil), (*lrn)(nil), (*matmul)(nil),
	(*pad)(nil), (*pool)(nil), (*reference)(nil), (*reorder)(nil), (*reshape)(nil), (*rowwise)(nil), (*slice)(nil),
	(*spatialMean)(nil), (*transpose)(nil),
	(*activateGradient)(nil), (*constantGradient)(nil), (*convInputGradient)(nil), (*convWeightGradient)(nil), (*gradientSeed)(nil),
	(*layerNormGradient)(nil), (*lrnGradient)(nil),
	(*maxGradient)(nil), (*meanGradient)(nil), (*poolGradient)(nil), (*scaleGradient)(nil), (*sliceGradient)(nil), (*softmaxGradient)(nil), (*storeTap)(nil),
	(*byteBinary)(nil), (*byteConv)(nil), (*byteMean)(nil), (*bytePool)(nil), (*dequantize)(nil), (*lookup)(nil), (*quantize)(nil),
}

// cost is what a node takes, however its steps do it.
type cost struct {
	params int   // weights and biases
	macs   int64 // multiplications, with an addition each
}

// noCost: nothing is multiplied by weights.
type noCost struct{}

func (noCost) cost(*node) cost { return cost{} }

// noConstants: the operation never has constant inputs, or takes them as they are.
type noConstants struct{}

func (noConstants) constantOrder(*node) []int { return nil }

// stopsTranspose: a Transpose before the operation stays there.
type stopsTranspose struct{}

func (stopsTranspose) beforeTranspose(*node, []int) operation { return nil }

// noHalo: the operation reads no pixels around an image.
type noHalo struct{}

func (noHalo) halo(*node) memory.Borders { return memory.Borders{} }

// separateInputs: the inputs lie somewhere else than the result.
type separateInputs struct{}

func (separateInputs) placeInputs(*placement, *node) {}

// overwritesFirst: the result may take the place of in[0].
type overwritesFirst struct{}

func (overwritesFirst) placeInputs(p *placement, n *node) { p.overwrite(n.in[0], n.out[0].view) }

// ownResult: a reader may overwrite the result.
type ownResult struct{}

func (ownResult) ownsResult() bool { return true }

// sharedResult: the result may be part of another value, or another value of it.
type sharedResult struct{}

func (sharedResult) ownsResult() bool { return false }

// neverView: the result is computed.
type neverView struct{}

func (neverView) asView() viewOperation { return nil }

// noEpilogue: an activation behind the operation stays an operation of its own.
type noEpilogue struct{}

func (noEpilogue) epilogue() (a kernel.Activation, ok bool) { return a, false }

func (noEpilogue) withEpilogue(kernel.Activation) operation { return nil }

// floatsOnly: the operation has no form on bytes.
type floatsOnly struct{}

func (floatsOnly) byteForm(*byteForms, *node) (operation, *quantParams) { return nil, nil }
func (floatsOnly) wantsBytes(*byteForms, *node) bool                    { return false }
func (floatsOnly) readsBytes(*node) bool                                { return false }

// bytesOnly are the answers of operations that are a form on bytes themselves: they are
// made after the rewrites and before the orders of axes, and are not trained.
type bytesOnly struct {
	noConstants
	stopsTranspose
	ownResult
	neverView
	noEpilogue
	noGradient
}

func (bytesOnly) byteForm(*byteForms, *node) (operation, *quantParams) { return nil, nil }
func (bytesOnly) wantsBytes(*byteForms, *node) bool                    { return false }
func (bytesOnly) readsBytes(*node) bool                                { return true }

// keepsOrder: the result comes in the order of in[0], whatever that is.
type keepsOrder struct{}

func (keepsOrder) assignOrders(_ *orders, n *node) { n.out[0].order = n.in[0].order }

// channelsInnermost: images come, and go, with axis 1 innermost.
type channelsInnermost struct{}

func (channelsInnermost) assignOrders(a *orders, n *node) {
	a.all(n, innermost(len(n.in[0].shape), 1))
}
