package exec

import (
	"fmt"
	"math"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// An Activate applies an activation in place.
type Activate struct {
	Act kernel.Activation
	X   *memory.View
}

func (s *Activate) prepare() {}

func (s *Activate) size() int { return s.X.N * s.X.H }

func (s *Activate) runLines(r *Runner, _ *worker, from, to int) {
	x := r.mem(s.X)
	for i := from; i < to; i++ {
		applyRow(r, s.Act, x[s.X.At(i/s.X.H, i%s.X.H, 0):], s.X.W, s.X)
	}
}

// A Binary combines two values; b may have one pixel an image, for all
// pixels of a.
type Binary struct {
	Fn        byte // '+', '*', '-' or '/'
	Act       kernel.Activation
	A, B, Out *memory.View
	perImage  bool
	rows      bool // the pixels of a row follow each other, in all three
}

func (s *Binary) prepare() {
	s.perImage = s.B.H*s.B.W == 1 && s.A.H*s.A.W > 1
	s.rows = s.A.LD == s.A.C && s.Out.LD == s.Out.C && (s.perImage || s.B.LD == s.B.C)
}

func (s *Binary) size() int { return s.Out.N * s.Out.H }

func (s *Binary) scratch() int {
	if !s.perImage {
		return 0
	}
	_, width := s.pieces()
	return width
}

// pieces is how many pieces a line has, and the floats of each.
func (s *Binary) pieces() (count, width int) {
	if s.rows {
		return 1, s.Out.W * s.Out.C
	}
	return s.Out.W, s.Out.C
}

func (s *Binary) runLines(r *Runner, h *worker, from, to int) {
	a, b, out := r.mem(s.A), r.mem(s.B), r.mem(s.Out)
	pieces, width := s.pieces()
	repeated, image := h.scratch(s.scratch()), -1 // of which image the repeated pixel is
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range pieces {
			dst, left := out[s.Out.At(n, y, x):][:width], a[s.A.At(n, y, x):][:width]
			var right []float32
			switch {
			case !s.perImage:
				right = b[s.B.At(n, y, x):][:width]
			case n != image:
				image = n
				repeat(repeated, b[s.B.At(n, 0, 0):][:s.B.C])
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

func (s *Binary) combine(r *Runner, dst, right []float32) {
	switch s.Fn {
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
		panic(fmt.Sprintf("engine: no function %q", s.Fn))
	}
	r.set.Apply(s.Act, dst)
}

// An LRN divides every value by a power of the sum of squares around it:
// x / (bias + alpha/size · Σ x²)^beta over size channels.
type LRN struct {
	Channels          int // that are summed up
	Alpha, Beta, Bias float32
	In, Out           *memory.View
}

func (s *LRN) prepare() {}

func (s *LRN) size() int { return s.Out.N * s.Out.H }

func (s *LRN) scratch() int { return 2 * s.In.W * s.wide() }

// wide is a pixel with zeros before and after its channels: a row of such pixels is one
// long vector, of which every sum of size neighbours is computed.
func (s *LRN) wide() int { return s.In.C + s.Channels - 1 }

func (s *LRN) runLines(r *Runner, h *worker, from, to int) {
	in, out, wide, before := r.mem(s.In), r.mem(s.Out), s.wide(), (s.Channels-1)/2
	buf := h.scratch(2 * s.In.W * wide)
	squares, sums := buf[:s.In.W*wide], buf[s.In.W*wide:]
	clear(squares)
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range s.In.W {
			copy(squares[x*wide+before:][:s.In.C], in[s.In.At(n, y, x):])
		}
		r.set.MulInto(squares, squares)
		copy(sums, squares)
		for k := 1; k < s.Channels; k++ {
			r.set.AddInto(sums[:len(sums)-k], squares[k:])
		}
		r.set.Affine(sums, sums, s.Alpha/float32(s.Channels), s.Bias)
		s.power(r, sums)
		for x := range s.In.W {
			dst := out[s.Out.At(n, y, x):][:s.Out.C]
			copy(dst, in[s.In.At(n, y, x):])
			r.set.MulInto(dst, sums[x*wide:])
		}
	}
}

// power replaces d by d^-beta, without logarithms for the usual beta of ¾.
func (s *LRN) power(r *Runner, d []float32) {
	if s.Beta == 0.75 {
		r.set.InverseRoots(d)
		return
	}
	for i, v := range d {
		d[i] = float32(math.Pow(float64(v), -float64(s.Beta)))
	}
}
