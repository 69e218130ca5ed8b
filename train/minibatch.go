package train

import (
	"math/rand/v2"
	"sync"

	"featstore/store"
)

// A feed draws minibatches ahead of their use: while the caller computes on one,
// the next is looked up in the store. The draws depend on the source alone.
type feed struct {
	ready chan minibatch
	free  chan *store.Sampler // those whose last batch is no longer in use
	stop  chan struct{}
	done  sync.WaitGroup
	all   []*store.Sampler
}

// A minibatch is one draw. It is valid until it is released.
type minibatch struct {
	*store.Batch
	sampler *store.Sampler
	err     error
}

// samplersAhead is one for the batch in use and one for the batch being read.
const samplersAhead = 2

// newFeed starts to draw count minibatches of n images. Close it.
func newFeed(db *store.DB, ix *store.Index, src rand.Source, n, count int) (*feed, error) {
	f := &feed{ready: make(chan minibatch), free: make(chan *store.Sampler, samplersAhead), stop: make(chan struct{})}
	for range samplersAhead {
		s, err := db.NewSampler(ix)
		if err != nil {
			f.close()
			return nil, err
		}
		f.all = append(f.all, s)
		f.free <- s
	}
	f.done.Add(1)
	go func() {
		defer f.done.Done()
		f.draw(src, n, count)
	}()
	return f, nil
}

func (f *feed) draw(src rand.Source, n, count int) {
	for range count {
		var m minibatch
		select {
		case m.sampler = <-f.free:
		case <-f.stop:
			return
		}
		m.Batch, m.err = m.sampler.Draw(src, n)
		select {
		case f.ready <- m:
		case <-f.stop:
			return
		}
	}
}

// next returns the next minibatch.
func (f *feed) next() (minibatch, error) {
	m := <-f.ready
	return m, m.err
}

// release ends the use of a minibatch.
func (f *feed) release(m minibatch) { f.free <- m.sampler }

// close ends the drawing and the samplers.
func (f *feed) close() error {
	close(f.stop)
	f.done.Wait()
	var first error
	for _, s := range f.all {
		if err := s.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
