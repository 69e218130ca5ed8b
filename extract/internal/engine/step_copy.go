package engine

import "featstore/extract/internal/kernel"

// clearHalo zeroes the border pixels of a buffer before its first use in a run:
// the arena's memory held something else before.
type clearHalo struct{ buffer *buffer }

func (s *clearHalo) prepare() {}

func (s *clearHalo) run(r *Runner) error {
	t := s.buffer
	m := r.arena[t.off : t.off+t.size]
	if t.bytes {
		fillHalo(t, kernel.BytesOf(m), t.zero)
	} else {
		fillHalo(t, m, 0)
	}
	return nil
}

// fillHalo sets the border pixels of a buffer that lies in m.
func fillHalo[T float32 | byte](t *buffer, m []T, zero T) {
	row := (t.w + t.halo.left + t.halo.right) * t.ld
	left, right := t.halo.left*t.ld, t.halo.right*t.ld
	for range t.n {
		fill(m[:t.halo.top*row], zero)
		m = m[t.halo.top*row:]
		for range t.h {
			fill(m[:left], zero)
			fill(m[row-right:row], zero)
			m = m[row:]
		}
		fill(m[:t.halo.bottom*row], zero)
		m = m[t.halo.bottom*row:]
	}
}

// loadInput copies the caller's image, contiguous, into the arena.
type loadInput struct{ out *view }

func (s *loadInput) prepare() {}

func (s *loadInput) run(r *Runner) error {
	copyRows(r.mem(s.out), s.out, r.in, packedView(s.out))
	return nil
}

// storeOutput copies the result to the caller's slice.
type storeOutput struct{ in *view }

func (s *storeOutput) prepare() {}

func (s *storeOutput) run(r *Runner) error {
	copyRows(r.out, packedView(s.in), r.mem(s.in), s.in)
	return nil
}

// packedView has p's dimensions without gaps or halo, from offset 0.
func packedView(p *view) *view {
	return &view{buffer: &buffer{}, n: p.n, h: p.h, w: p.w, c: p.c, ld: p.c}
}

// copyStep copies a value to another view. Where the dimensions differ, one was
// reshaped: both are then sequences of the same values in the same order.
type copyStep struct {
	in, out *view
	flatIn  *view // where only the input has gaps: the input's dimensions, packed
	flatOut *view
}

func (s *copyStep) prepare() {
	s.flatIn, s.flatOut = packedView(s.in), packedView(s.out)
}

func (s *copyStep) scratch() int {
	if s.in.n == s.out.n && s.in.h == s.out.h && s.in.w == s.out.w && s.in.c == s.out.c || s.in.contiguous() || s.out.contiguous() {
		return 0
	}
	return s.in.len()
}

func (s *copyStep) run(r *Runner) error {
	if s.in.buffer.bytes {
		copyTo(s, r.bytes(s.out), r.bytes(s.in), kernel.BytesOf(r.scratch(s.scratch())))
	} else {
		copyTo(s, r.mem(s.out), r.mem(s.in), r.scratch(s.scratch()))
	}
	return nil
}

func copyTo[T float32 | byte](s *copyStep, out, in, buf []T) {
	switch {
	case s.in.n == s.out.n && s.in.h == s.out.h && s.in.w == s.out.w && s.in.c == s.out.c:
		copyRows(out, s.out, in, s.in)
	case s.in.contiguous():
		copyRows(out, s.out, in[s.in.ch:], s.flatOut)
	case s.out.contiguous():
		copyRows(out[s.out.ch:], s.flatIn, in, s.in)
	default:
		copyRows(buf, s.flatIn, in, s.in)
		copyRows(out, s.out, buf, s.flatOut)
	}
}

// copyRows copies between two views of the same dimensions.
func copyRows[T float32 | byte](dst []T, to *view, src []T, from *view) {
	whole := to.ld == to.c && from.ld == from.c
	for n := range to.n {
		for y := range to.h {
			d, s := to.at(n, y, 0), from.at(n, y, 0)
			if whole {
				copy(dst[d:d+to.w*to.c], src[s:s+to.w*to.c])
				continue
			}
			for range to.w {
				copy(dst[d:d+to.c], src[s:s+to.c])
				d, s = d+to.ld, s+from.ld
			}
		}
	}
}

// padStep surrounds an image by zeros.
type padStep struct {
	borders
	in, out *view
}

func (s *padStep) prepare() {}

func (s *padStep) run(r *Runner) error {
	in, out := r.mem(s.in), r.mem(s.out)
	for n := range s.out.n {
		for y := range s.out.h {
			for x := range s.out.w {
				d := out[s.out.at(n, y, x):][:s.out.c]
				iy, ix := y-s.top, x-s.left
				if iy < 0 || iy >= s.in.h || ix < 0 || ix >= s.in.w {
					clear(d)
					continue
				}
				copy(d, in[s.in.at(n, iy, ix):])
			}
		}
	}
	return nil
}
