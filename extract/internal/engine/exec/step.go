package exec

// A Step is one piece of work of a plan: a wholeStep or a lineStep. Steps are
// immutable after prepare and shared by all runners.
type Step interface {
	// prepare computes what depends on where things lie: it runs once, after the
	// arena was laid out.
	prepare()
}

// A wholeStep runs at once.
type wholeStep interface {
	Step
	run(r *Runner) error
}

// A lineStep consists of lines that do not depend on each other.
type lineStep interface {
	Step
	size() int // how many lines
	// runLines computes lines [from, to) and uses no memory but the arena and the worker's own.
	runLines(r *Runner, h *worker, from, to int)
}

// A ParallelStep may know a better way than lines to share its work among workers.
type ParallelStep interface {
	lineStep
	// Shares reports whether it does so for that many workers.
	Shares(workers int) bool
	runParallel(r *Runner, t *workerPool)
}

// A scratchStep needs memory besides the arena.
type scratchStep interface {
	Step
	// scratch is the most floats that one worker takes, known after prepare.
	scratch() int
}

// A Weighted holds weights, packed for the kernels.
type Weighted interface {
	Step
	WeightBytes() int
}
