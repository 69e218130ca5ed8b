package engine

import (
	"cmp"
	"context"
	"fmt"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A Training is a compiled network that can be trained: it computes the tap for a few
// inputs at once and, given the gradient of a loss by it, adds to the gradient of every
// parameter. It belongs to one goroutine at a time.
//
// Results do not depend on the number of cores: every sum is one worker's, in the order
// of the images.
type Training struct {
	program *Program
	runner  *Runner
	params  []*Parameter
	reload  exec.Reload
	forward int // how many of the steps are the forward pass
	fresh   bool
}

// CompileTraining makes a Training of a network, for inputs of the shape opt.Input, on
// so many cores. Parameters are the float32 initializers that are the weight, bias, scale
// or shift of a layer, that an Einsum multiplies by, or that are added or joined as a whole:
// positions, class tokens, tables of relative positions. What takes no more than two
// values, as masks do, is no weight; nor is what is multiplied as a whole, or read twice.
// These stay as they are. g has its constants and its batch normalisations folded, see
// passes.FoldBatchNorm: a table that the model looks up is trained as what was looked up.
//
// An operation without a gradient is an ErrNoGradient that names it.
func CompileTraining(g *graph.Graph, opt Options, cores int) (*Training, error) {
	set, err := setFor(opt.Kernels)
	if err != nil {
		return nil, err
	}
	part, known, err := prepare(g, opt)
	if err != nil {
		return nil, err
	}
	params := &parameterSet{byName: map[string]*Parameter{}, sources: newConstantSources(part, known)}
	n, err := lowerTraining(part, known, opt.Tap, params)
	if err != nil {
		return nil, err
	}
	var seed *node
	err = n.run(opt.afterPass, []compilerPass{
		{"lower", func() error { return n.poolTap(opt.Pool) }},
		{"simplify", inTurn(n.sweep, func() { n.simplifyWith(trainingRewrites) })},
		{"differentiate", func() (err error) {
			seed, err = n.differentiate()
			return err
		}},
		{"assign orders", inTurn(func() { n.assignOrders(opt.inputOrder(), false) }, n.sweep)},
		{"place", inTurn(n.placeAll)},
	})
	if err != nil {
		return nil, err
	}
	t := &Training{params: params.list}
	if err := t.build(n, seed, set, opt, cores); err != nil || opt.afterPass == nil {
		return t, err
	}
	return t, opt.afterPass("lay out", n)
}

// build emits the plan, first the forward pass and then, from the seed on, the backward
// one.
func (t *Training) build(n *net, seed *node, set *kernel.Set, opt Options, cores int) error {
	pl := &planner{set: set, cache: cmp.Or(opt.Cache, defaultCache) / 4, slots: map[*value]int{}, constants: map[*value]*tensor.Tensor{}}
	inputLen, dim := n.input.view.Len(), tensor.Len(seed.out[0].shape)
	pl.input(n)
	for _, m := range n.nodes {
		if m == seed {
			t.forward = len(pl.steps)
		}
		pl.node(m)
	}
	p, err := pl.program(inputLen, dim, opt.Arena)
	if err != nil {
		return err
	}
	t.program, t.reload.Loads, t.runner = p, pl.reloads, p.NewParallelRunner(cores)
	return nil
}

// Parameters returns what is trained, in the order of the network. Who changes their
// values calls Update before the next Forward.
func (t *Training) Parameters() []*Parameter { return t.params }

// Stats returns what the training needs and does; MACs are of both passes.
func (t *Training) Stats() Stats { return t.program.stats }

// InputLen and OutputLen are how many values Forward takes and gives.
func (t *Training) InputLen() int  { return t.program.plan.InputLen }
func (t *Training) OutputLen() int { return t.program.plan.Dim }

// Update makes the network compute with the parameters' present values.
func (t *Training) Update() { t.runner.Reload(&t.reload) }

// Forward computes the tap of the inputs, all one behind the other, as Runner.Run takes
// and gives them. What Backward needs stays until the next Forward; in must not change
// before.
func (t *Training) Forward(ctx context.Context, in, out []float32) error {
	if len(in) != t.program.plan.InputLen || len(out) != t.program.plan.Dim {
		return fmt.Errorf("the network takes %d values and computes %d, not %d and %d", t.program.plan.InputLen, t.program.plan.Dim, len(in), len(out))
	}
	t.fresh = false
	if err := t.runner.Forward(ctx, t.forward, in, out); err != nil {
		return err
	}
	t.fresh = true
	return nil
}

// Backward takes the gradient of a loss by the values that the last Forward computed,
// as many, and adds to the gradient of every parameter. It may be called once for each
// Forward.
func (t *Training) Backward(ctx context.Context, gradient []float32) error {
	switch {
	case !t.fresh:
		return fmt.Errorf("no forward pass to go back through")
	case len(gradient) != t.program.plan.Dim:
		return fmt.Errorf("a gradient of %d values, not %d", len(gradient), t.program.plan.Dim)
	}
	t.fresh = false
	return t.runner.Backward(ctx, t.forward, gradient)
}

// lowerTraining is lower with parameters for weights.
func lowerTraining(g *graph.Graph, known map[string]*tensor.Tensor, tap string, params *parameterSet) (*net, error) {
	n, err := lowerWith(&lowerer{known: known, values: map[string]*value{}, read: map[string]bool{tap: true}, net: &net{}, params: params}, g, tap)
	if err != nil {
		return nil, err
	}
	return n, params.err
}
