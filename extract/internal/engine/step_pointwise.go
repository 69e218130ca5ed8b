package engine

import (
	"fmt"

	"featstore/extract/internal/kernel"
)

// An activateStep applies an activation in place.
type activateStep struct {
	act kernel.Activation
	x   *place
}

func (s *activateStep) prepare() {}

func (s *activateStep) size() int { return s.x.n * s.x.h }

func (s *activateStep) runLines(r *Runner, _ *hand, from, to int) {
	x := r.mem(s.x)
	for i := from; i < to; i++ {
		applyRow(r, s.act, x[s.x.at(i/s.x.h, i%s.x.h, 0):], s.x.w, s.x)
	}
}

// A binaryStep combines two values; b may have one pixel an image, for all
// pixels of a.
type binaryStep struct {
	*binary
	a, b, out *place
}

func (s *binaryStep) prepare() {}

func (s *binaryStep) size() int { return s.out.n * s.out.h }

func (s *binaryStep) runLines(r *Runner, _ *hand, from, to int) {
	a, b, out := r.mem(s.a), r.mem(s.b), r.mem(s.out)
	perImage := s.b.h*s.b.w == 1 && s.a.h*s.a.w > 1
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.out.w {
			dst := out[s.out.at(n, y, x):][:s.out.c]
			left := a[s.a.at(n, y, x):][:len(dst)]
			right := b[s.rightAt(perImage, n, y, x):][:len(dst)]
			if &dst[0] != &left[0] {
				copy(dst, left)
			}
			s.combine(r, dst, right)
		}
	}
}

func (s *binaryStep) rightAt(perImage bool, n, y, x int) int {
	if perImage {
		y, x = 0, 0
	}
	return s.b.at(n, y, x)
}

func (s *binaryStep) combine(r *Runner, dst, right []float32) {
	switch s.fn {
	case '+':
		r.set.AddInto(dst, right)
	case '*':
		r.set.MulInto(dst, right)
	case '-':
		for i, v := range right {
			dst[i] -= v
		}
	case '/':
		for i, v := range right {
			dst[i] /= v
		}
	default:
		panic(fmt.Sprintf("engine: no function %q", s.fn))
	}
	r.set.Apply(s.act, dst)
}
