package exec

import (
	"slices"

	"featstore/extract/internal/kernel"
)

// A Plan is a sequence of steps and the memory that they work on. It is immutable after
// Finish and shared by all of its runners.
type Plan struct {
	Set      *kernel.Set
	Steps    []Step
	Arena    int // floats
	Slots    int // values that are not float32
	InputLen int // values of an input, and of a result
	Dim      int

	scratch int // floats of a worker
}

// Exact reports whether all steps compute the same bits on every machine, with an exact set.
func (p *Plan) Exact() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return !Exact(s) })
}

// Finish prepares the steps. It returns how many bytes a worker takes besides the arena:
// the scratch memory of the step that needs most, and the packed right sides of products,
// which are kept.
func (p *Plan) Finish() (workerBytes int) {
	packed := 0
	for _, s := range p.Steps {
		s.prepare()
		if s, ok := s.(scratchStep); ok {
			p.scratch = max(p.scratch, s.scratch())
		}
		if s, ok := s.(*MatMul); ok {
			packed += s.N * s.K
		}
	}
	return 4 * (p.scratch + packed)
}
