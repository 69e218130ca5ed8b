package engine

import (
	"slices"

	"featstore/extract/internal/kernel"
)

// A concatStep joins values along an axis that is not the innermost one.
type concatStep struct {
	in   []*view
	lens []int // floats that each part contributes at a time
	out  *view
}

func (s *concatStep) prepare() {}

// direct reports whether the parts can be copied to where they belong row by row.
func (s *concatStep) direct() bool {
	return s.out.contiguous() && !slices.ContainsFunc(s.in, func(p *view) bool { return p.ld != p.c })
}

func (s *concatStep) scratch() int {
	if s.direct() {
		return 0
	}
	return 2 * s.out.len()
}

func (s *concatStep) run(r *Runner) error {
	if s.out.buffer.bytes {
		join(s, r.bytes(s.out), r.bytes, kernel.BytesOf(r.scratch(s.scratch())))
	} else {
		join(s, r.mem(s.out), r.mem, r.scratch(s.scratch()))
	}
	return nil
}

func join[T float32 | byte](s *concatStep, out []T, mem func(*view) []T, buf []T) {
	at := 0
	if s.direct() {
		for i, in := range s.in {
			joinRows(s, out[s.out.ch:][:s.out.len()], mem(in), in, at, s.lens[i])
			at += s.lens[i]
		}
		return
	}
	joined, part := buf[:s.out.len()], buf[s.out.len():]
	for i, in := range s.in {
		packed := packedView(in)
		copyRows(part, packed, mem(in), in)
		joinRows(s, joined, part, packed, at, s.lens[i])
		at += s.lens[i]
	}
	copyRows(out, s.out, joined, packedView(s.out))
}

// joinRows copies a part, row by row of its pixels, to pieces of n that begin at
// and follow each other after the pieces of all parts.
func joinRows[T float32 | byte](s *concatStep, joined, src []T, in *view, at, n int) {
	all := 0
	for _, l := range s.lens {
		all += l
	}
	done := 0
	for i := range in.n * in.h {
		row := src[in.at(i/in.h, i%in.h, 0):][:in.w*in.c]
		for len(row) > 0 {
			k := copy(joined[done/n*all+at+done%n:][:n-done%n], row)
			row = row[k:]
			done += k
		}
	}
}
