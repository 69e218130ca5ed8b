package engine

import (
	"math"
)

type lrnGradientStep struct {
	channels          int // that are summed up
	alpha, beta, bias float32
	dy, x, dx         *view
}

func (s *lrnGradientStep) prepare() {}

func (s *lrnGradientStep) size() int { return s.dx.n * s.dx.h }

func (s *lrnGradientStep) scratch() int { return 2 * s.dx.c }

func (s *lrnGradientStep) runLines(r *Runner, h *worker, from, to int) {
	x, dy, dx, c := r.mem(s.x), r.mem(s.dy), r.mem(s.dx), s.dx.c
	buf := h.scratch(s.scratch())
	for i := from; i < to; i++ {
		n, row := i/s.dx.h, i%s.dx.h
		for at := range s.dx.w {
			s.pixel(dx[s.dx.at(n, row, at):][:c], dy[s.dy.at(n, row, at):][:c], x[s.x.at(n, row, at):][:c], buf[:c], buf[c:])
		}
	}
}

// pixel works on the channels of one pixel. ratio takes dy·x·s^(−beta−1).
func (s *lrnGradientStep) pixel(dx, dy, x, sums, ratio []float32) {
	before := (s.channels - 1) / 2
	scale := s.alpha / float32(s.channels)
	for c := range x {
		sum := float32(0)
		for k := max(c-before, 0); k < min(c-before+s.channels, len(x)); k++ {
			sum += x[k] * x[k]
		}
		sums[c] = s.bias + scale*sum
		ratio[c] = dy[c] * x[c] * float32(math.Pow(float64(sums[c]), -float64(s.beta)-1))
	}
	behind := s.channels - 1 - before
	for c := range x {
		sum := float32(0)
		for k := max(c-behind, 0); k < min(c+before+1, len(x)); k++ {
			sum += ratio[k]
		}
		dx[c] = dy[c]*float32(math.Pow(float64(sums[c]), -float64(s.beta))) - 2*scale*s.beta*x[c]*sum
	}
}
