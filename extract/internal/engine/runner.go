package engine

import (
	"context"
	"fmt"

	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// A Runner runs a program, one image after the other. It belongs to one
// goroutine at a time.
type Runner struct {
	program  *Program
	set      *kernel.Set
	arena    []float32
	slots    []*tensor.Tensor // values that are not float32
	in, out  []float32        // the caller's, during Run
	gradient []float32        // the caller's, during Training.Backward
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
	packed            map[*matmulStep]*kernel.Packed // right sides of products of two values
}

// NewRunner returns a runner with an arena of its own. It works on one core: for
// many images, run as many runners as there are cores.
func (p *Program) NewRunner() *Runner { return p.NewParallelRunner(1) }

// NewParallelRunner returns a runner that spreads the work on every image over
// several cores, for when one image has to be done soon. While Run is at work it
// keeps them all busy. The results are those of NewRunner.
func (p *Program) NewParallelRunner(cores int) *Runner {
	const behind = 16 // kernels on bytes may read so many floats behind
	r := &Runner{program: p, set: p.set, arena: kernel.Aligned(p.arena + behind)[:p.arena], slots: make([]*tensor.Tensor, p.slots), workers: make([]worker, min(max(cores, 1), maxWorkers-1))}
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
func (p *Program) newWorker() worker {
	h := worker{memory: kernel.Aligned(p.scratch), packed: map[*matmulStep]*kernel.Packed{}}
	rows := 0
	for _, s := range p.steps {
		switch s := s.(type) {
		case *matmulStep:
			h.packed[s] = p.set.NewPacked(s.n, s.k)
		case *blockStep:
			rows = max(rows, s.depthwise.kh)
		}
	}
	h.rows = make([]int, 0, rows)
	return h
}

// Run computes the tap for one input. in holds the input's values: H×W×C for an
// image, whatever order of axes the model declares, else row-major. out takes
// Dim values. Between two steps it gives up when ctx is done.
func (r *Runner) Run(ctx context.Context, in, out []float32) error {
	if len(in) != r.program.inputLen {
		return fmt.Errorf("the network's input takes %d values, not %d", r.program.inputLen, len(in))
	}
	if len(out) != r.program.dim {
		return fmt.Errorf("the network computes %d values, not %d", r.program.dim, len(out))
	}
	r.in, r.out = in, out
	defer func() { r.in, r.out = nil, nil }()
	return r.steps(ctx, r.program.steps)
}

// steps runs some of the program's steps.
func (r *Runner) steps(ctx context.Context, steps []step) error {
	if r.pool != nil {
		r.pool.start()
		defer r.pool.stop()
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.do(s); err != nil {
			return err
		}
	}
	return nil
}

// do runs one step.
func (r *Runner) do(s step) error {
	switch s := s.(type) {
	case lineStep:
		if r.pool == nil {
			s.runLines(r, &r.workers[0], 0, s.size())
			return nil
		}
		if s, ok := s.(parallelStep); ok && s.runParallel(r, r.pool) {
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
func (r *Runner) mem(p *view) []float32 {
	switch {
	case p.buffer.constant != nil:
		return p.buffer.constant
	case p.buffer.input:
		return r.in
	}
	return r.arena[p.buffer.off : p.buffer.off+p.buffer.size]
}

// bytes returns the memory of a view's buffer of bytes.
func (r *Runner) bytes(p *view) []byte { return kernel.BytesOf(r.mem(p)) }

// buffer returns n floats of scratch memory, valid until the next step.
func (r *Runner) scratch(n int) []float32 { return r.workers[0].scratch(n) }

func (h *worker) scratch(n int) []float32 { return h.memory[:n] }
