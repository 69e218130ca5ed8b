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
//
// A step has as many parts as there are hands, and whoever is free takes the next
// one: where the system gives a helper's core to another program, the others do
// its part.
type team struct {
	runner *Runner
	step   lineStep
	lines  int
	claim  atomic.Int64 // number of the step, times maxHands, plus parts taken so far
	done   atomic.Int64 // parts of this Run that are done
	quit   atomic.Bool
	wait   sync.WaitGroup
	works  []func() // one a helper, made once

	toom   toomStages // for steps that share their work in other ways than by lines
	panels convPanels
	bytes  bytePanels
	block  blockStages
}

const maxHands = 256

func newTeam(r *Runner) *team {
	t := &team{runner: r}
	for i := 1; i < len(r.hands); i++ {
		t.works = append(t.works, func() {
			defer t.wait.Done()
			for n := 1; !t.quit.Load(); n++ {
				if !t.take(&r.hands[i]) {
					pause(n)
				}
			}
		})
	}
	return t
}

func (t *team) start() {
	t.quit.Store(false)
	t.claim.Store(t.parts()) // nothing to take yet
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

func (t *team) parts() int64 { return int64(len(t.runner.hands)) }

// do runs a step with all hands and returns when it is done.
func (t *team) do(s lineStep) {
	t.step, t.lines = s, s.size()
	number := t.claim.Load()/maxHands + 1
	t.claim.Store(number * maxHands)
	for t.take(&t.runner.hands[0]) {
	}
	for n := 1; t.done.Load() < number*t.parts(); n++ {
		pause(n)
	}
}

// take does a part of the step that nobody has taken yet, if there is one.
func (t *team) take(h *hand) bool {
	c := t.claim.Load()
	for c%maxHands < t.parts() && !t.claim.CompareAndSwap(c, c+1) {
		c = t.claim.Load()
	}
	part := c % maxHands
	if part >= t.parts() {
		return false
	}
	if from, to := t.lines*int(part)/int(t.parts()), t.lines*int(part+1)/int(t.parts()); from < to {
		t.step.runLines(t.runner, h, from, to)
	}
	t.done.Add(1)
	return true
}

// pause lets others run from time to time while a goroutine waits in a loop.
func pause(n int) {
	if n%64 == 0 {
		runtime.Gosched()
	}
}
