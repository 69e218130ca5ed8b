package exec

import "featstore/extract/internal/engine/memory"

// A Slice copies a range of an axis where a view is not possible.
type Slice struct {
	In, Out *memory.View
	Begin   int // the first element in the input's buffer
	Moves   Moves
	flatOut *memory.View
}

func (s *Slice) prepare() { s.flatOut = packedView(s.Out) }

func (s *Slice) scratch() int {
	if s.Out.Contiguous() {
		return 0
	}
	return s.Out.Len()
}

func (s *Slice) run(r *Runner) error {
	out, in := r.mem(s.Out), r.mem(s.In)[s.Begin:]
	if s.Out.Contiguous() {
		s.Moves.Permute(out[s.Out.Ch:][:s.Out.Len()], in)
		return nil
	}
	buf := r.scratch(s.scratch())
	s.Moves.Permute(buf, in)
	copyRows(out, s.Out, buf, s.flatOut)
	return nil
}
