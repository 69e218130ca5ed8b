package exec

import "featstore/extract/internal/engine/memory"

// A RowGradient takes dy back through softmax or, with a scale, through layer
// normalisation.
type RowGradient struct {
	Scale       []float32 // of layer normalization; nil for softmax
	Epsilon     float32
	Factor      float32
	Dy, At, Out *memory.View
}

func (s *RowGradient) prepare() {}

func (s *RowGradient) size() int { return s.Out.N * s.Out.H }

func (s *RowGradient) scratch() int { return 2 * s.Out.C }

func (s *RowGradient) runLines(r *Runner, h *worker, from, to int) {
	dy, at, out, buf := r.mem(s.Dy), r.mem(s.At), r.mem(s.Out), h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range s.Out.W {
			d, v, dst := dy[s.Dy.At(n, y, x):][:s.Out.C], at[s.At.At(n, y, x):][:s.Out.C], out[s.Out.At(n, y, x):][:s.Out.C]
			if s.Scale == nil {
				r.set.SoftmaxGradient(dst, d, v, s.Factor)
			} else {
				r.set.LayerNormGradient(dst, d, v, s.Scale, s.Epsilon, buf)
			}
		}
	}
}
