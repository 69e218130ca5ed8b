package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// ClearHalo zeroes the border pixels of a buffer before its first use in a run:
// the arena's memory held something else before.
type ClearHalo struct{ Buffer *memory.Buffer }

func (s *ClearHalo) prepare() {}

// A line is an image.
func (s *ClearHalo) size() int { return s.Buffer.N }

func (s *ClearHalo) runLines(r *Runner, _ *worker, from, to int) {
	t := s.Buffer
	m := r.Arena[t.Off : t.Off+t.Size]
	if t.Bytes {
		fillHalo(t, kernel.BytesOf(m), t.Zero, from, to)
	} else {
		fillHalo(t, m, 0, from, to)
	}
}

// fillHalo sets the border pixels of images [from, to) of a buffer that lies in m.
func fillHalo[T float32 | byte](t *memory.Buffer, m []T, zero T, from, to int) {
	row := (t.W + t.Halo.Left + t.Halo.Right) * t.LD
	left, right := t.Halo.Left*t.LD, t.Halo.Right*t.LD
	m = m[from*(t.Halo.Top+t.H+t.Halo.Bottom)*row:]
	for range to - from {
		Fill(m[:t.Halo.Top*row], zero)
		m = m[t.Halo.Top*row:]
		for range t.H {
			Fill(m[:left], zero)
			Fill(m[row-right:row], zero)
			m = m[row:]
		}
		Fill(m[:t.Halo.Bottom*row], zero)
		m = m[t.Halo.Bottom*row:]
	}
}

// LoadInput copies the caller's image, contiguous, into the arena.
type LoadInput struct{ Out *memory.View }

func (s *LoadInput) prepare() {}

func (s *LoadInput) run(r *Runner) error {
	copyRows(r.mem(s.Out), s.Out, r.in, packedView(s.Out))
	return nil
}

// StoreOutput copies the result to the caller's slice.
type StoreOutput struct{ In *memory.View }

func (s *StoreOutput) prepare() {}

func (s *StoreOutput) run(r *Runner) error {
	copyRows(r.out, packedView(s.In), r.mem(s.In), s.In)
	return nil
}

// packedView has p's dimensions without gaps or halo, from offset 0.
func packedView(p *memory.View) *memory.View {
	return &memory.View{Buffer: &memory.Buffer{}, N: p.N, H: p.H, W: p.W, C: p.C, LD: p.C}
}

// Copy copies a value to another view. Where the dimensions differ, one was
// reshaped: both are then sequences of the same values in the same order.
type Copy struct {
	In, Out *memory.View
	flatIn  *memory.View // where only the input has gaps: the input's dimensions, packed
	flatOut *memory.View
}

func (s *Copy) prepare() {
	s.flatIn, s.flatOut = packedView(s.In), packedView(s.Out)
}

func (s *Copy) scratch() int {
	if s.In.N == s.Out.N && s.In.H == s.Out.H && s.In.W == s.Out.W && s.In.C == s.Out.C || s.In.Contiguous() || s.Out.Contiguous() {
		return 0
	}
	return s.In.Len()
}

func (s *Copy) run(r *Runner) error {
	if s.In.Buffer.Bytes {
		copyTo(s, r.bytes(s.Out), r.bytes(s.In), kernel.BytesOf(r.scratch(s.scratch())))
	} else {
		copyTo(s, r.mem(s.Out), r.mem(s.In), r.scratch(s.scratch()))
	}
	return nil
}

func copyTo[T float32 | byte](s *Copy, out, in, buf []T) {
	switch {
	case s.In.N == s.Out.N && s.In.H == s.Out.H && s.In.W == s.Out.W && s.In.C == s.Out.C:
		copyRows(out, s.Out, in, s.In)
	case s.In.Contiguous():
		copyRows(out, s.Out, in[s.In.Ch:], s.flatOut)
	case s.Out.Contiguous():
		copyRows(out[s.Out.Ch:], s.flatIn, in, s.In)
	default:
		copyRows(buf, s.flatIn, in, s.In)
		copyRows(out, s.Out, buf, s.flatOut)
	}
}

// copyRows copies between two views of the same dimensions.
func copyRows[T float32 | byte](dst []T, to *memory.View, src []T, from *memory.View) {
	whole := to.LD == to.C && from.LD == from.C
	for n := range to.N {
		for y := range to.H {
			d, s := to.At(n, y, 0), from.At(n, y, 0)
			if whole {
				copy(dst[d:d+to.W*to.C], src[s:s+to.W*to.C])
				continue
			}
			for range to.W {
				copy(dst[d:d+to.C], src[s:s+to.C])
				d, s = d+to.LD, s+from.LD
			}
		}
	}
}

// Pad surrounds an image by zeros.
type Pad struct {
	memory.Borders
	In, Out *memory.View
}

func (s *Pad) prepare() {}

func (s *Pad) run(r *Runner) error {
	in, out := r.mem(s.In), r.mem(s.Out)
	for n := range s.Out.N {
		for y := range s.Out.H {
			for x := range s.Out.W {
				d := out[s.Out.At(n, y, x):][:s.Out.C]
				iy, ix := y-s.Top, x-s.Left
				if iy < 0 || iy >= s.In.H || ix < 0 || ix >= s.In.W {
					clear(d)
					continue
				}
				copy(d, in[s.In.At(n, iy, ix):])
			}
		}
	}
	return nil
}

// LoadGradient copies the caller's gradient into the arena.
type LoadGradient struct{ Out *memory.View }

func (s *LoadGradient) prepare() {}

func (s *LoadGradient) run(r *Runner) error {
	copyRows(r.mem(s.Out), s.Out, r.gradient, packedView(s.Out))
	return nil
}
