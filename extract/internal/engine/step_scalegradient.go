package engine

// A scaleGradientStep has channels for lines, so that every sum is one worker's.
type scaleGradientStep struct {
	scale, shift *Parameter // nil for one that is not trained
	epsilon      float32
	dy, at       *view
}

func (s *scaleGradientStep) prepare() {}

func (s *scaleGradientStep) size() int { return s.dy.c }

func (s *scaleGradientStep) scratch() int { return s.dy.c }

func (s *scaleGradientStep) runLines(r *Runner, h *worker, from, to int) {
	dy, at, buf := r.mem(s.dy), r.mem(s.at), h.scratch(s.scratch())
	for i := range s.dy.n * s.dy.h {
		n, y := i/s.dy.h, i%s.dy.h
		for x := range s.dy.w {
			d, v := dy[s.dy.at(n, y, x):][from:to], at[s.at.at(n, y, x):][:s.dy.c]
			if p := s.scale; p != nil {
				mean, inverse := r.set.Moments(v, buf, s.epsilon)
				normal := buf[:to-from]
				r.set.Affine(normal, v[from:to], inverse, -mean*inverse)
				r.set.MulInto(normal, d)
				r.set.AddInto(p.Gradient[from:to], normal)
			}
			if p := s.shift; p != nil {
				r.set.AddInto(p.Gradient[from:to], d)
			}
		}
	}
}
