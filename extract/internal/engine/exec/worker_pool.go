package exec

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A workerPool lets the workers of a runner work on the lines of each step together. The
// helpers live from start to stop, that is during one Run, and wait for the next
// step in a loop: a step of a small network takes less time than waking a
// goroutine does.
//
// A step has as many parts as there are workers, and whoever is free takes the next
// one: where the system gives a helper's core to another program, the others do
// its part.
type workerPool struct {
	runner *Runner
	step   lineStep
	lines  int
	claim  atomic.Int64 // number of the step, times maxWorkers, plus parts taken so far
	done   atomic.Int64 // parts of this Run that are done
	quit   atomic.Bool
	wait   sync.WaitGroup
	works  []func() // one a helper, made once

	winograd winogradStages // for steps that share their work in other ways than by lines
	panels   convPanels
	bytes    bytePanels
	block    blockStages
}

const maxWorkers = 256

func newWorkerPool(r *Runner) *workerPool {
	t := &workerPool{runner: r}
	for i := 1; i < len(r.workers); i++ {
		t.works = append(t.works, func() {
			defer t.wait.Done()
			for n := 1; !t.quit.Load(); n++ {
				if !t.take(&r.workers[i]) {
					pause(n)
				}
			}
		})
	}
	return t
}

func (t *workerPool) start() {
	t.quit.Store(false)
	t.claim.Store(t.Parts()) // nothing to take yet
	t.done.Store(0)
	t.wait.Add(len(t.works))
	for _, w := range t.works {
		go w()
	}
}

func (t *workerPool) stop() {
	t.quit.Store(true)
	t.wait.Wait()
}

func (t *workerPool) Parts() int64 { return int64(len(t.runner.workers)) }

// do runs a step with all workers and returns when it is done.
func (t *workerPool) do(s lineStep) {
	t.step, t.lines = s, s.size()
	number := t.claim.Load()/maxWorkers + 1
	t.claim.Store(number * maxWorkers)
	for t.take(&t.runner.workers[0]) {
	}
	for n := 1; t.done.Load() < number*t.Parts(); n++ {
		pause(n)
	}
}

// take does a part of the step that nobody has taken yet, if there is one.
func (t *workerPool) take(h *worker) bool {
	c := t.claim.Load()
	for c%maxWorkers < t.Parts() && !t.claim.CompareAndSwap(c, c+1) {
		c = t.claim.Load()
	}
	part := c % maxWorkers
	if part >= t.Parts() {
		return false
	}
	if from, to := t.lines*int(part)/int(t.Parts()), t.lines*int(part+1)/int(t.Parts()); from < to {
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
