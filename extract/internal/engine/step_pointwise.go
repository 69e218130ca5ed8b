package engine

import (
	"fmt"
	"math"

	"featstore/extract/internal/kernel"
)

// An activateStep applies an activation in place.
type activateStep struct {
	act kernel.Activation
	x   *view
}

func (s *activateStep) prepare() {}

func (s *activateStep) size() int { return s.x.n * s.x.h }

func (s *activateStep) runLines(r *Runner, _ *worker, from, to int) {
	x := r.mem(s.x)
	for i := from; i < to; i++ {
		applyRow(r, s.act, x[s.x.at(i/s.x.h, i%s.x.h, 0):], s.x.w, s.x)
	}
}

// A binaryStep combines two values; b may have one pixel an image, for all
// pixels of a.
type binaryStep struct {
	fn        byte // '+', '*', '-' or '/'
	act       kernel.Activation
	a, b, out *view
	perImage  bool
	rows      bool // the pixels of a row follow each other, in all three
}

func (s *binaryStep) prepare() {
	s.perImage = s.b.h*s.b.w == 1 && s.a.h*s.a.w > 1
	s.rows = s.a.ld == s.a.c && s.out.ld == s.out.c && (s.perImage || s.b.ld == s.b.c)
}

func (s *binaryStep) size() int { return s.out.n * s.out.h }

func (s *binaryStep) scratch() int {
	if !s.perImage {
		return 0
	}
	_, width := s.pieces()
	return width
}

// pieces is how many pieces a line has, and the floats of each.
func (s *binaryStep) pieces() (count, width int) {
	if s.rows {
		return 1, s.out.w * s.out.c
	}
	return s.out.w, s.out.c
}

func (s *binaryStep) runLines(r *Runner, h *worker, from, to int) {
	a, b, out := r.mem(s.a), r.mem(s.b), r.mem(s.out)
	pieces, width := s.pieces()
	repeated, image := h.scratch(s.scratch()), -1 // of which image the repeated pixel is
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range pieces {
			dst, left := out[s.out.at(n, y, x):][:width], a[s.a.at(n, y, x):][:width]
			var right []float32
			switch {
			case !s.perImage:
				right = b[s.b.at(n, y, x):][:width]
			case n != image:
				image = n
				repeat(repeated, b[s.b.at(n, 0, 0):][:s.b.c])
				fallthrough
			default:
				right = repeated
			}
			if &dst[0] != &left[0] {
				copy(dst, left)
			}
			s.combine(r, dst, right)
		}
	}
}

// repeat fills dst, a multiple as long, by x.
func repeat[T float32 | byte](dst, x []T) {
	copy(dst, x)
	for n := len(x); n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
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

// An lrnStep divides every value by a power of the sum of squares around it:
// x / (bias + alpha/size · Σ x²)^beta over size channels.
type lrnStep struct {
	channels          int // that are summed up
	alpha, beta, bias float32
	in, out           *view
}

func (s *lrnStep) prepare() {}

func (s *lrnStep) size() int { return s.out.n * s.out.h }

func (s *lrnStep) scratch() int { return 2 * s.in.w * s.wide() }

// wide is a pixel with zeros before and after its channels: a row of such pixels is one
// long vector, of which every sum of size neighbours is computed.
func (s *lrnStep) wide() int { return s.in.c + s.channels - 1 }

func (s *lrnStep) runLines(r *Runner, h *worker, from, to int) {
	in, out, wide, before := r.mem(s.in), r.mem(s.out), s.wide(), (s.channels-1)/2
	buf := h.scratch(2 * s.in.w * wide)
	squares, sums := buf[:s.in.w*wide], buf[s.in.w*wide:]
	clear(squares)
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.in.w {
			copy(squares[x*wide+before:][:s.in.c], in[s.in.at(n, y, x):])
		}
		r.set.MulInto(squares, squares)
		copy(sums, squares)
		for k := 1; k < s.channels; k++ {
			r.set.AddInto(sums[:len(sums)-k], squares[k:])
		}
		r.set.Affine(sums, sums, s.alpha/float32(s.channels), s.bias)
		s.power(r, sums)
		for x := range s.in.w {
			dst := out[s.out.at(n, y, x):][:s.out.c]
			copy(dst, in[s.in.at(n, y, x):])
			r.set.MulInto(dst, sums[x*wide:])
		}
	}
}

// power replaces d by d^-beta, without logarithms for the usual beta of ¾.
func (s *lrnStep) power(r *Runner, d []float32) {
	if s.beta == 0.75 {
		r.set.InverseRoots(d)
		return
	}
	for i, v := range d {
		d[i] = float32(math.Pow(float64(v), -float64(s.beta)))
	}
}
