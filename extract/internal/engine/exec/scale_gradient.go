package exec

import "featstore/extract/internal/engine/memory"

// A ScaleGradient has channels for lines, so that every sum is one worker's.
type ScaleGradient struct {
	Scale, Shift []float32 // their gradients, nil for one that is not trained
	Epsilon      float32
	Dy, At       *memory.View
}

func (s *ScaleGradient) prepare() {}

func (s *ScaleGradient) size() int { return s.Dy.C }

func (s *ScaleGradient) scratch() int { return s.Dy.C }

func (s *ScaleGradient) runLines(r *Runner, h *worker, from, to int) {
	dy, at, buf := r.mem(s.Dy), r.mem(s.At), h.scratch(s.scratch())
	for i := range s.Dy.N * s.Dy.H {
		n, y := i/s.Dy.H, i%s.Dy.H
		for x := range s.Dy.W {
			d, v := dy[s.Dy.At(n, y, x):][from:to], at[s.At.At(n, y, x):][:s.Dy.C]
			if p := s.Scale; p != nil {
				mean, inverse := r.set.Moments(v, buf, s.Epsilon)
				normal := buf[:to-from]
				r.set.Affine(normal, v[from:to], inverse, -mean*inverse)
				r.set.MulInto(normal, d)
				r.set.AddInto(p[from:to], normal)
			}
			if p := s.Shift; p != nil {
				r.set.AddInto(p[from:to], d)
			}
		}
	}
}
