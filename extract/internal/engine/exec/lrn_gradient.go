package exec

import (
	"math"

	"featstore/extract/internal/engine/memory"
)

type LRNGradient struct {
	Channels          int // that are summed up
	Alpha, Beta, Bias float32
	Dy, X, Dx         *memory.View
}

func (s *LRNGradient) prepare() {}

func (s *LRNGradient) size() int { return s.Dx.N * s.Dx.H }

func (s *LRNGradient) scratch() int { return 2 * s.Dx.C }

func (s *LRNGradient) runLines(r *Runner, h *worker, from, to int) {
	x, dy, dx, c := r.mem(s.X), r.mem(s.Dy), r.mem(s.Dx), s.Dx.C
	buf := h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, row := i/s.Dx.H, i%s.Dx.H
		for at := range s.Dx.W {
			s.pixel(dx[s.Dx.At(n, row, at):][:c], dy[s.Dy.At(n, row, at):][:c], x[s.X.At(n, row, at):][:c], buf[:c], buf[c:])
		}
	}
}

// pixel works on the channels of one pixel. ratio takes dy·x·s^(−beta−1).
func (s *LRNGradient) pixel(dx, dy, x, sums, ratio []float32) {
	before := (s.Channels - 1) / 2
	scale := s.Alpha / float32(s.Channels)
	for c := range x {
		sum := float32(0)
		for k := max(c-before, 0); k < min(c-before+s.Channels, len(x)); k++ {
			sum += x[k] * x[k]
		}
		sums[c] = s.Bias + scale*sum
		ratio[c] = dy[c] * x[c] * float32(math.Pow(float64(sums[c]), -float64(s.Beta)-1))
	}
	behind := s.Channels - 1 - before
	for c := range x {
		sum := float32(0)
		for k := max(c-behind, 0); k < min(c+before+1, len(x)); k++ {
			sum += ratio[k]
		}
		dx[c] = dy[c]*float32(math.Pow(float64(sums[c]), -float64(s.Beta))) - 2*scale*s.Beta*x[c]*sum
	}
}
