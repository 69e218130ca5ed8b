package exec

// A Reload is a step that is run beside a plan: it packs weights anew after they have
// changed. A line is the weights of one step.
type Reload struct{ Loads []func() }

func (*Reload) prepare() {}

func (s *Reload) size() int { return len(s.Loads) }

func (s *Reload) parts(int) int { return len(s.Loads) }

func (s *Reload) runLines(_ *Runner, _ *worker, from, to int) {
	for _, load := range s.Loads[from:to] {
		load()
	}
}

// Reload runs s with all workers.
func (r *Runner) Reload(s *Reload) {
	if r.pool == nil {
		s.runLines(r, &r.workers[0], 0, s.size())
		return
	}
	r.pool.start()
	defer r.pool.stop()
	r.pool.do(s)
}
