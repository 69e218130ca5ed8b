package train

import (
	"math/rand/v2"
	"sync"

	"featstore/split"
	"featstore/store"
)

// A drawer draws minibatches from the store. A batch is valid until the next draw.
type drawer interface {
	Draw(src rand.Source, n int) (*store.Batch, error)
	Close() error
}

// openDrawer returns a drawer of the images in parts and their views: of a label first and then of
// one of its images if balance is BalanceSampler, otherwise of any image. The parts
// have the same labels.
func openDrawer(db *store.DB, parts []*store.Index, balance string, s *scaling) (drawer, error) {
	d := &partsDrawer{parts: parts, balance: balance, scaling: s}
	for _, ix := range parts {
		sampler, err := db.NewSampler(ix)
		if err != nil {
			d.Close()
			return nil, err
		}
		d.samplers = append(d.samplers, sampler)
	}
	d.picks = make([]picks, len(parts))
	d.count(parts)
	return d, nil
}

// A partsDrawer draws from one or more indexes as if they were one.
type partsDrawer struct {
	parts    []*store.Index
	balance  string
	scaling  *scaling
	samplers []*store.Sampler
	labels   []int // those that have images
	sizes    []int // per label: images in all parts
	total    int

	picks []picks // per part
	batch store.Batch
}

type picks struct{ labels, ranks, views []int }

func (d *partsDrawer) count(parts []*store.Index) {
	for l := range parts[0].Labels {
		n := 0
		for _, ix := range parts {
			n += len(ix.Keys[l])
		}
		d.sizes = append(d.sizes, n)
		d.total += n
		if n > 0 {
			d.labels = append(d.labels, l)
		}
	}
}

// Draw draws n images, with replacement.
func (d *partsDrawer) Draw(src rand.Source, n int) (*store.Batch, error) {
	b, err := d.read(src, n)
	if err != nil || d.scaling == nil || d.scaling.identity() {
		return b, err
	}
	for _, row := range b.Rows {
		d.scaling.apply(row, row)
	}
	return b, nil
}

func (d *partsDrawer) read(src rand.Source, n int) (*store.Batch, error) {
	if len(d.parts) == 1 && d.balance == BalanceSampler {
		return d.samplers[0].Draw(src, n)
	}
	if len(d.parts) == 1 {
		return d.samplers[0].DrawImages(src, n)
	}
	d.pick(src, n)
	d.batch.Labels, d.batch.Digests, d.batch.Rows = d.batch.Labels[:0], d.batch.Digests[:0], d.batch.Rows[:0]
	for p := range d.parts {
		b, err := d.samplers[p].Read(d.picks[p].labels, d.picks[p].ranks, d.picks[p].views)
		if err != nil {
			return nil, err
		}
		d.batch.Labels = append(d.batch.Labels, b.Labels...)
		d.batch.Digests = append(d.batch.Digests, b.Digests...)
		d.batch.Rows = append(d.batch.Rows, b.Rows...)
	}
	return &d.batch, nil
}

// pick chooses n images of all parts.
func (d *partsDrawer) pick(src rand.Source, n int) {
	for p := range d.picks {
		own := &d.picks[p]
		own.labels, own.ranks, own.views = own.labels[:0], own.ranks[:0], own.views[:0]
	}
	for range n {
		var label, rank int
		if d.balance == BalanceSampler {
			label = d.labels[store.Uniform(src, len(d.labels))]
			rank = store.Uniform(src, d.sizes[label])
		} else {
			rank = store.Uniform(src, d.total)
			for rank >= d.sizes[label] {
				rank -= d.sizes[label]
				label++
			}
		}
		p := 0
		for rank >= len(d.parts[p].Keys[label]) {
			rank -= len(d.parts[p].Keys[label])
			p++
		}
		d.picks[p].labels = append(d.picks[p].labels, label)
		d.picks[p].ranks = append(d.picks[p].ranks, rank)
		d.picks[p].views = append(d.picks[p].views, d.parts[p].DrawView(src, label, rank))
	}
}

// Close ends the drawing.
func (d *partsDrawer) Close() error {
	var first error
	for _, s := range d.samplers {
		if err := s.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// pickFrom returns the part of an index that has the given digests.
func pickFrom(ix *store.Index, keys map[split.Digest]bool) *store.Index {
	return ix.Select(func(label, rank int) bool { return keys[ix.Keys[label][rank]] })
}

// A feed draws minibatches ahead of their use: while the caller computes on one,
// the next is looked up in the store. The draws depend on the source alone.
type feed struct {
	ready chan minibatch
	free  chan drawer // those whose last batch is no longer in use
	stop  chan struct{}
	done  sync.WaitGroup
	all   []drawer
}

// A minibatch is one draw. It is valid until it is released.
type minibatch struct {
	*store.Batch
	drawer drawer
	err    error
}

// drawersAhead is one for the batch in use and one for the batch being read.
const drawersAhead = 2

// newFeed starts to draw count minibatches of n images. Close it.
func newFeed(open func() (drawer, error), src rand.Source, n, count int) (*feed, error) {
	f := &feed{ready: make(chan minibatch), free: make(chan drawer, drawersAhead), stop: make(chan struct{})}
	for range drawersAhead {
		d, err := open()
		if err != nil {
			f.close()
			return nil, err
		}
		f.all = append(f.all, d)
		f.free <- d
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
		case m.drawer = <-f.free:
		case <-f.stop:
			return
		}
		m.Batch, m.err = m.drawer.Draw(src, n)
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
func (f *feed) release(m minibatch) { f.free <- m.drawer }

// close ends the drawing and the drawers.
func (f *feed) close() error {
	close(f.stop)
	f.done.Wait()
	var first error
	for _, d := range f.all {
		if err := d.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
