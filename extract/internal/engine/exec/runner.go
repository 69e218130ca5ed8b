package exec

import (
	"context"
	"fmt"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A Runner runs a plan, one image after the other. It belongs to one
// goroutine at a time.
type Runner struct {
	plan     *Plan
	set      *kernel.Set
	Arena    []float32
	slots    []*tensor.Tensor // values that are not float32
	in, out  []float32        // the caller's, during Run
	gradient []float32        // the caller's, during Backward
	workers  []worker         // one for each goroutine that works on an image
	pool     *workerPool      // nil when there is one worker only
}

// A worker is what one goroutine needs for itself while it works on a step.
type worker struct {
	memory            []float32
	rows              []int
	tile              kernel.Tile
	depthwise         kernel.Depthwise
	transform         kernel.Transform
	byteTile          kernel.ByteTile
	byteDepthwise     kernel.ByteDepthwise
	outer             kernel.Outer
	depthwiseGradient kernel.DepthwiseGradient
	packed            map[*MatMul]*kernel.Packed // right sides of products of two values
}

// NewRunner returns a runner with an arena and workers of its own.
func (p *Plan) NewRunner(cores int) *Runner {
	const behind = 16 // kernels on bytes may read so many floats behind
	r := &Runner{plan: p, set: p.Set, Arena: kernel.Aligned(p.Arena + behind)[:p.Arena], slots: make([]*tensor.Tensor, p.Slots),
		workers: make([]worker, min(max(cores, 1), maxWorkers-1))}
	for i := range r.workers {
		r.workers[i] = p.newWorker()
	}
	if len(r.workers) > 1 {
		r.pool = newWorkerPool(r)
	}
	return r
}

// newWorker allocates all that a worker ever needs: which one does which part of a step is
// decided anew in every Run, and none of them may allocate then.
func (p *Plan) newWorker() worker {
	h := worker{memory: kernel.Aligned(p.scratch), packed: map[*MatMul]*kernel.Packed{}}
	rows := 0
	for _, s := range p.Steps {
		switch s := s.(type) {
		case *MatMul:
			h.packed[s] = p.Set.NewPacked(s.N, s.K)
		case *Block:
			rows = max(rows, s.depthwise.KH)
		}
	}
	h.rows = make([]int, 0, rows)
	return h
}

// Run computes the tap for one input. in holds the input's values: H×W×C for an
// image, whatever order of axes the model declares, else row-major. out takes
// Dim values. Between two steps it gives up when ctx is done.
func (r *Runner) Run(ctx context.Context, in, out []float32) error {
	if len(in) != r.plan.InputLen {
		return fmt.Errorf("the network's input takes %d values, not %d", r.plan.InputLen, len(in))
	}
	if len(out) != r.plan.Dim {
		return fmt.Errorf("the network computes %d values, not %d", r.plan.Dim, len(out))
	}
	r.in, r.out = in, out
	defer func() { r.in, r.out = nil, nil }()
	return r.steps(ctx, 0, len(r.plan.Steps))
}

// Forward is Run for the first steps of a plan alone; Backward runs the others, given the
// gradient that they begin with.
func (r *Runner) Forward(ctx context.Context, steps int, in, out []float32) error {
	r.in, r.out = in, out
	return r.steps(ctx, 0, steps)
}

// Backward runs the steps from the given one on.
func (r *Runner) Backward(ctx context.Context, from int, gradient []float32) error {
	r.gradient = gradient
	return r.steps(ctx, from, len(r.plan.Steps))
}

// steps runs steps [from, to).
func (r *Runner) steps(ctx context.Context, from, to int) error {
	if r.pool != nil {
		r.pool.start()
		defer r.pool.stop()
	}
	return r.each(ctx, from, to, func(_ int, s Step) error { return r.do(s) })
}

// each calls do with steps [from, to) in turn, until ctx is done.
func (r *Runner) each(ctx context.Context, from, to int, do func(i int, s Step) error) error {
	for i, s := range r.plan.Steps[from:to] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(from+i, s); err != nil {
			return err
		}
	}
	return nil
}

// RunOn is Run with all of the work done by the i-th worker. Tests use it: which worker
// does what is decided anew in every Run.
func (r *Runner) RunOn(ctx context.Context, i int, in, out []float32) error {
	workers, pool := r.workers, r.pool
	r.workers, r.pool = workers[i:i+1], nil
	defer func() { r.workers, r.pool = workers, pool }()
	return r.Run(ctx, in, out)
}

// do runs one step.
func (r *Runner) do(s Step) error {
	switch s := s.(type) {
	case lineStep:
		if r.pool == nil {
			s.runLines(r, &r.workers[0], 0, s.size())
			return nil
		}
		if s, ok := s.(ParallelStep); ok && s.Shares(len(r.workers)) {
			s.runParallel(r, r.pool)
			return nil
		}
		r.pool.do(s)
		return nil
	case wholeStep:
		return s.run(r)
	}
	return fmt.Errorf("%T is no step", s)
}

// mem returns the memory of a view's buffer.
func (r *Runner) mem(p *memory.View) []float32 {
	switch {
	case p.Buffer.Constant != nil:
		return p.Buffer.Constant
	case p.Buffer.Input:
		return r.in
	}
	return r.Arena[p.Buffer.Off : p.Buffer.Off+p.Buffer.Size]
}

// bytes returns the memory of a view's buffer of bytes.
func (r *Runner) bytes(p *memory.View) []byte { return kernel.BytesOf(r.mem(p)) }

// buffer returns n floats of scratch memory, valid until the next step.
func (r *Runner) scratch(n int) []float32 { return r.workers[0].scratch(n) }

func (h *worker) scratch(n int) []float32 { return h.memory[:n] }
