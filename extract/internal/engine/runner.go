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
	program *Program
	set     *kernel.Set
	arena   []float32
	slots   []*tensor.Tensor // values that are not float32
	in, out []float32        // the caller's, during Run
	hands   []hand           // one for each goroutine that works on an image
	team    *team            // nil when there is one hand only
}

// A hand is what one goroutine needs for itself while it works on a step.
type hand struct {
	scratch       []float32
	rows          []int
	tile          kernel.Tile
	depthwise     kernel.Depthwise
	transform     kernel.Transform
	byteTile      kernel.ByteTile
	byteDepthwise kernel.ByteDepthwise
	packed        map[*matmulStep]*kernel.Packed // right sides of products of two values
}

// NewRunner returns a runner with an arena of its own. It works on one core: for
// many images, run as many runners as there are cores.
func (p *Program) NewRunner() *Runner { return p.NewParallelRunner(1) }

// NewParallelRunner returns a runner that spreads the work on every image over
// several cores, for when one image has to be done soon. While Run is at work it
// keeps them all busy. The results are those of NewRunner.
func (p *Program) NewParallelRunner(cores int) *Runner {
	const behind = 16 // kernels on bytes may read so many floats behind
	r := &Runner{program: p, set: p.set, arena: kernel.Aligned(p.arena + behind)[:p.arena], slots: make([]*tensor.Tensor, p.slots), hands: make([]hand, min(max(cores, 1), maxHands-1))}
	for i := range r.hands {
		r.hands[i] = p.newHand()
	}
	if len(r.hands) > 1 {
		r.team = newTeam(r)
	}
	return r
}

// newHand allocates all that a hand ever needs: which one does which part of a step is
// decided anew in every Run, and none of them may allocate then.
func (p *Program) newHand() hand {
	h := hand{scratch: kernel.Aligned(p.scratch), packed: map[*matmulStep]*kernel.Packed{}}
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
	if r.team != nil {
		r.team.start()
		defer r.team.stop()
	}
	for _, s := range r.program.steps {
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
		if r.team == nil {
			s.runLines(r, &r.hands[0], 0, s.size())
			return nil
		}
		if s, ok := s.(teamStep); ok && s.runTeam(r, r.team) {
			return nil
		}
		r.team.do(s)
		return nil
	case wholeStep:
		return s.run(r)
	}
	return fmt.Errorf("%T is no step", s)
}

// mem returns the memory of a place's root.
func (r *Runner) mem(p *place) []float32 {
	switch {
	case p.root.konst != nil:
		return p.root.konst
	case p.root.input:
		return r.in
	}
	return r.arena[p.root.off : p.root.off+p.root.size]
}

// bytes returns the memory of a place's root of bytes.
func (r *Runner) bytes(p *place) []byte { return kernel.BytesOf(r.mem(p)) }

// buffer returns n floats of scratch memory, valid until the next step.
func (r *Runner) buffer(n int) []float32 { return r.hands[0].buffer(n) }

func (h *hand) buffer(n int) []float32 { return h.scratch[:n] }
