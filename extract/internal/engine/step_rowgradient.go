package engine

// A rowGradientStep takes dy back through softmax or, with a scale, through layer
// normalisation.
type rowGradientStep struct {
	scale       []float32 // of layer normalization; nil for softmax
	epsilon     float32
	factor      float32
	dy, at, out *view
}

func (s *rowGradientStep) prepare() {}

func (s *rowGradientStep) size() int { return s.out.n * s.out.h }

func (s *rowGradientStep) scratch() int { return 2 * s.out.c }

func (s *rowGradientStep) runLines(r *Runner, h *worker, from, to int) {
	dy, at, out, buf := r.mem(s.dy), r.mem(s.at), r.mem(s.out), h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.out.w {
			d, v, dst := dy[s.dy.at(n, y, x):][:s.out.c], at[s.at.at(n, y, x):][:s.out.c], out[s.out.at(n, y, x):][:s.out.c]
			if s.scale == nil {
				r.set.SoftmaxGradient(dst, d, v, s.factor)
			} else {
				r.set.LayerNormGradient(dst, d, v, s.scale, s.epsilon, buf)
			}
		}
	}
}
