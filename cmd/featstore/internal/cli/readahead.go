package cli

import (
	"context"
	"sync"
	"sync/atomic"

	"runtime"
)

// A prepareFunc gives the pixels, or activations, of the view of a photo that an epoch has.
type prepareFunc func(ctx context.Context, p *tuningPhoto, epoch int, dst []float32) error

// A readAhead prepares photos on workers beside the training, a limited number ahead of
// what is asked for. The results come in the order of the photos.
type readAhead struct {
	parent  context.Context
	worker  func() prepareFunc
	buffers [][]float32
	ready   []chan error // for each buffer: it is filled, or not

	free   chan struct{} // a token for each buffer that is empty
	at     int           // of the photos, the next one asked for
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// ahead is how many photos are prepared ahead.
const ahead = 32

// newReadAhead returns a readAhead of photos with so many numbers each. worker is called
// for each goroutine.
func newReadAhead(ctx context.Context, size int, worker func() prepareFunc) *readAhead {
	r := &readAhead{parent: ctx, worker: worker}
	for range ahead {
		r.buffers = append(r.buffers, make([]float32, size))
	}
	return r
}

// start begins with photos, and gives up what is left of those before.
func (r *readAhead) start(photos []*tuningPhoto, epoch int) {
	r.stop()
	ctx, cancel := context.WithCancel(r.parent)
	r.at, r.cancel = 0, cancel
	r.ready, r.free = make([]chan error, ahead), make(chan struct{}, ahead)
	for i := range r.ready {
		r.ready[i] = make(chan error, 1)
		r.free <- struct{}{}
	}
	next := new(atomic.Int64)
	for range runtime.GOMAXPROCS(0) {
		r.group.Go(func() { r.work(ctx, photos, epoch, next) })
	}
}

// work prepares photos until none is left. Who holds a token takes the next photo, so the
// photos in work are never more than there are buffers.
func (r *readAhead) work(ctx context.Context, photos []*tuningPhoto, epoch int, next *atomic.Int64) {
	prepare := r.worker()
	for {
		select {
		case <-r.free:
		case <-ctx.Done():
			return
		}
		i := int(next.Add(1) - 1)
		if i >= len(photos) {
			return
		}
		r.ready[i%ahead] <- prepare(ctx, photos[i], epoch, r.buffers[i%ahead])
	}
}

// next copies the pixels of the next photo.
func (r *readAhead) next(dst []float32) error {
	i := r.at % ahead
	select {
	case err := <-r.ready[i]:
		if err != nil {
			return err
		}
	case <-r.parent.Done():
		return r.parent.Err()
	}
	copy(dst, r.buffers[i])
	r.at++
	r.free <- struct{}{}
	return nil
}

// stop ends the workers and waits for them.
func (r *readAhead) stop() {
	if r.cancel != nil {
		r.cancel()
		r.group.Wait()
		r.cancel = nil
	}
}
