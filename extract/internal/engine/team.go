package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A team lets the hands of a runner work on the lines of each step together. The
// helpers live from start to stop, that is during one Run, and wait for the next
// step in a loop: a step of a small network takes less time than waking a
// goroutine does.
type team struct {
	runner *Runner
	step   lineStep
	lines  int
	number atomic.Int64 // of steps so far; changes when step is set
	done   atomic.Int64 // helpers' parts so far
	quit   atomic.Bool
	wait   sync.WaitGroup
	works  []func() // one a helper, made once
}

func newTeam(r *Runner) *team {
	t := &team{runner: r}
	for i := 1; i < len(r.hands); i++ {
		t.works = append(t.works, func() {
			defer t.wait.Done()
			t.work(i)
		})
	}
	return t
}

func (t *team) start() {
	t.quit.Store(false)
	t.number.Store(0)
	t.done.Store(0)
	t.wait.Add(len(t.works))
	for _, w := range t.works {
		go w()
	}
}

func (t *team) stop() {
	t.quit.Store(true)
	t.wait.Wait()
}

// do runs a step with all hands and returns when they are done.
func (t *team) do(s lineStep) {
	t.step, t.lines = s, s.size()
	n := t.number.Add(1)
	t.part(0)
	t.until(func() bool { return t.done.Load() == n*int64(len(t.works)) })
}

// part runs hand i's share of the lines.
func (t *team) part(i int) {
	n := len(t.runner.hands)
	if from, to := t.lines*i/n, t.lines*(i+1)/n; from < to {
		t.step.runLines(t.runner, &t.runner.hands[i], from, to)
	}
}

// work is what a helper does until it is told to stop.
func (t *team) work(i int) {
	for seen := int64(0); ; seen++ {
		t.until(func() bool { return t.number.Load() > seen || t.quit.Load() })
		if t.number.Load() == seen {
			return
		}
		t.part(i)
		t.done.Add(1)
	}
}

// until waits for a condition that usually comes true within microseconds.
func (t *team) until(true func() bool) {
	for i := 1; !true(); i++ {
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
}
