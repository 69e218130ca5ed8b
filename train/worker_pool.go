package train

import "runtime"

// A workerPool is a fixed set of goroutines that work on the parts of one task at a
// time. It belongs to whoever made it and ends with close.
type workerPool struct {
	task  func(part int)
	start []chan struct{} // one a worker: part i+1 is the i-th worker's
	done  chan struct{}
}

// newWorkerPool starts the workers for that many parts; the caller works on part 0.
// Parts ≤ 0 means one for each processor Go may use.
func newWorkerPool(parts int) *workerPool {
	if parts <= 0 {
		parts = runtime.GOMAXPROCS(0)
	}
	c := &workerPool{done: make(chan struct{})}
	for i := 1; i < parts; i++ {
		start := make(chan struct{})
		c.start = append(c.start, start)
		go func() {
			for range start {
				c.task(i)
				c.done <- struct{}{}
			}
		}()
	}
	return c
}

// parts is the number of parts that run works on.
func (c *workerPool) parts() int { return len(c.start) + 1 }

// run calls task for every part and returns when all are done.
func (c *workerPool) run(task func(part int)) {
	c.task = task
	for _, start := range c.start {
		start <- struct{}{}
	}
	task(0)
	for range c.start {
		<-c.done
	}
}

// close ends the workers.
func (c *workerPool) close() {
	for _, start := range c.start {
		close(start)
	}
	c.start = nil
}

// share returns the range of n items that is part's, in whole grains.
func share(n, part, parts, grain int) (lo, hi int) {
	grains := (n + grain - 1) / grain
	lo = grains * part / parts * grain
	hi = grains * (part + 1) / parts * grain
	return min(lo, n), min(hi, n)
}
