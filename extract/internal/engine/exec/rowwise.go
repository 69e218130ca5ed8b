package exec

import "featstore/extract/internal/engine/memory"

// A Row applies softmax or layer normalisation to every pixel.
type Row struct {
	Scale, Shift []float32 // of layer normalization; nil for softmax
	Epsilon      float32
	Factor       float32 // softmax of factor·x
	In, Out      *memory.View
}

func (s *Row) prepare() {}

func (s *Row) size() int { return s.Out.N * s.Out.H }

func (s *Row) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.mem(s.In), r.mem(s.Out)
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range s.Out.W {
			src, dst := in[s.In.At(n, y, x):][:s.In.C], out[s.Out.At(n, y, x):][:s.Out.C]
			if s.Scale != nil {
				r.set.LayerNorm(dst, src, s.Scale, s.Shift, s.Epsilon)
				continue
			}
			copy(dst, src)
			r.set.Softmax(dst, s.Factor)
		}
	}
}
