package exec

import (
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A Concat joins values along an axis that is not the innermost one.
type Concat struct {
	In   []*memory.View
	Lens []int // floats that each part contributes at a time
	Out  *memory.View
}

func (s *Concat) prepare() {}

// direct reports whether the parts can be copied to where they belong row by row.
func (s *Concat) direct() bool {
	return s.Out.Contiguous() && !slices.ContainsFunc(s.In, func(p *memory.View) bool { return p.LD != p.C })
}

func (s *Concat) scratch() int {
	if s.direct() {
		return 0
	}
	return 2 * s.Out.Len()
}

func (s *Concat) run(r *Runner) error {
	if s.Out.Buffer.Bytes {
		join(s, r.bytes(s.Out), r.bytes, kernel.BytesOf(r.scratch(s.scratch())))
	} else {
		join(s, r.mem(s.Out), r.mem, r.scratch(s.scratch()))
	}
	return nil
}

func join[T float32 | byte](s *Concat, out []T, mem func(*memory.View) []T, buf []T) {
	at := 0
	if s.direct() {
		for i, in := range s.In {
			joinRows(s, out[s.Out.Ch:][:s.Out.Len()], mem(in), in, at, s.Lens[i])
			at += s.Lens[i]
		}
		return
	}
	joined, part := buf[:s.Out.Len()], buf[s.Out.Len():]
	for i, in := range s.In {
		packed := packedView(in)
		copyRows(part, packed, mem(in), in)
		joinRows(s, joined, part, packed, at, s.Lens[i])
		at += s.Lens[i]
	}
	copyRows(out, s.Out, joined, packedView(s.Out))
}

// joinRows copies a part, row by row of its pixels, to pieces of n that begin at
// and follow each other after the pieces of all parts.
func joinRows[T float32 | byte](s *Concat, joined, src []T, in *memory.View, at, n int) {
	all := 0
	for _, l := range s.Lens {
		all += l
	}
	done := 0
	for i := range in.N * in.H {
		row := src[in.At(i/in.H, i%in.H, 0):][:in.W*in.C]
		for len(row) > 0 {
			k := copy(joined[done/n*all+at+done%n:][:n-done%n], row)
			row = row[k:]
			done += k
		}
	}
}
