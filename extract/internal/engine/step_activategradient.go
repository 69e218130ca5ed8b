package engine

import (
	"featstore/extract/internal/kernel"
)

// An activateGradientStep multiplies out by the derivative at the values of at.
type activateGradientStep struct {
	act     kernel.Activation
	at, out *view
}

func (s *activateGradientStep) prepare() {}

func (s *activateGradientStep) size() int { return s.out.n * s.out.h }

func (s *activateGradientStep) scratch() int { return 2 * s.out.w * s.out.c }

func (s *activateGradientStep) runLines(r *Runner, h *worker, from, to int) {
	at, out, buf := r.mem(s.at), r.mem(s.out), h.scratch(s.scratch())
	pieces, width := s.out.w, s.out.c
	if s.out.ld == s.out.c && s.at.ld == s.at.c {
		pieces, width = 1, s.out.w*s.out.c
	}
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range pieces {
			r.set.ApplyGradient(s.act, out[s.out.at(n, y, x):][:width], at[s.at.at(n, y, x):], buf)
		}
	}
}
