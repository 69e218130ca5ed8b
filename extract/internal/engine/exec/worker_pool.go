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
// A step has as many parts as there are workers, or more if it is uneven, and whoever is
// free takes the next one: where the system gives a helper's core to another program,
// the others do its part.
type workerPool struct {
	runner *Runner
	step   lineStep
	lines  int
	claim  atomic.Uint64 // which parts of the step are taken, see claimed
	given  int64         // parts of this Run, up to this step
	done   atomic.Int64  // parts of this Run that are done
	quit   atomic.Bool
	wait   sync.WaitGroup
	works  []func() // one a helper, made once

	winograd winogradStages // for steps that share their work in other ways than by lines
	panels   convPanels
	bytes    bytePanels
	block    blockStages
}

// maxWorkers is also the limit of a step's parts.
const maxWorkers = 256

// claimed is a claim: the number of a step in this Run, how many parts it has, and how
// many of these are taken. One word holds all three, so that nobody takes a part of one
// step for one of the next.
func claimed(step, parts, taken uint64) uint64 {
	return (step*maxWorkers+parts)*maxWorkers + taken
}

// partsPerWorker evens out lines of unequal time and leaves each part some lines that share
// what they read.
const partsPerWorker = 4

// An unevenStep has lines that take unequal time: smaller parts even that out.
type unevenStep interface {
	lineStep
	// parts is how many parts it should have for so many workers.
	parts(workers int) int
}

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
	t.claim.Store(0) // nothing to take yet
	t.done.Store(0)
	t.given = 0
	t.wait.Add(len(t.works))
	for _, w := range t.works {
		go w()
	}
}

func (t *workerPool) stop() {
	t.quit.Store(true)
	t.wait.Wait()
}

// parts is how many parts a step is divided into.
func (t *workerPool) parts(s lineStep) int {
	workers := len(t.runner.workers)
	if u, ok := s.(unevenStep); ok {
		return min(max(workers, u.parts(workers)), maxWorkers-1)
	}
	return workers
}

// do runs a step with all workers and returns when it is done.
func (t *workerPool) do(s lineStep) {
	parts := t.parts(s)
	t.step, t.lines = s, s.size()
	t.given += int64(parts)
	t.claim.Store(claimed(t.claim.Load()/(maxWorkers*maxWorkers)+1, uint64(parts), 0))
	for t.take(&t.runner.workers[0]) {
	}
	for n := 1; t.done.Load() < t.given; n++ {
		pause(n)
	}
}

// take does a part of the step that nobody has taken yet, if there is one.
func (t *workerPool) take(h *worker) bool {
	for {
		c := t.claim.Load()
		parts, part := int(c/maxWorkers%maxWorkers), int(c%maxWorkers)
		if part >= parts {
			return false
		}
		if !t.claim.CompareAndSwap(c, c+1) {
			continue
		}
		if from, to := t.lines*part/parts, t.lines*(part+1)/parts; from < to {
			t.step.runLines(t.runner, h, from, to)
		}
		t.done.Add(1)
		return true
	}
}

// pause lets others run from time to time while a goroutine waits in a loop.
func pause(n int) {
	if n%64 == 0 {
		runtime.Gosched()
	}
}
