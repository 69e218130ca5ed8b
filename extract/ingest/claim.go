package ingest

import (
	"sync"

	"featstore/split"
)

// claims keep two workers from computing vectors of the same bytes.
type claims struct {
	mu   sync.Mutex
	held map[split.Digest]*claim
}

// A claim is one worker's promise to compute a digest's vectors.
type claim struct {
	done chan struct{} // closed when the outcome is known
	err  error         // why there are no vectors
}

// hold claims a digest. If another worker did so before, it waits for that
// worker's outcome and returns false with it.
func (c *claims) hold(d split.Digest) (mine *claim, first bool) {
	c.mu.Lock()
	if c.held == nil {
		c.held = map[split.Digest]*claim{}
	}
	other, ok := c.held[d]
	if !ok {
		mine = &claim{done: make(chan struct{})}
		c.held[d] = mine
	}
	c.mu.Unlock()
	if !ok {
		return mine, true
	}
	<-other.done
	return other, false
}

// settle releases the workers that wait for the outcome.
func (c *claim) settle(err error) {
	c.err = err
	close(c.done)
}
