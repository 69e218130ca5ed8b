package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// An ActivateGradient multiplies out by the derivative at the values of at.
type ActivateGradient struct {
	Act     kernel.Activation
	At, Out *memory.View
}

func (s *ActivateGradient) prepare() {}

func (s *ActivateGradient) size() int { return s.Out.N * s.Out.H }

func (s *ActivateGradient) scratch() int { return 2 * s.Out.W * s.Out.C }

func (s *ActivateGradient) runLines(r *Runner, h *worker, from, to int) {
	at, out, buf := r.mem(s.At), r.mem(s.Out), h.scratch(s.scratch())
	pieces, width := s.Out.W, s.Out.C
	if s.Out.LD == s.Out.C && s.At.LD == s.At.C {
		pieces, width = 1, s.Out.W*s.Out.C
	}
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range pieces {
			r.set.ApplyGradient(s.Act, out[s.Out.At(n, y, x):][:width], at[s.At.At(n, y, x):], buf)
		}
	}
}
