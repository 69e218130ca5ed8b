package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/cpu"
	"featstore/store"
	"featstore/store/cutcache"
)

// A cutReader gives the activations of photos at a cut: from the cache beside the store,
// or computed from the photo, and then for the cache. They are the same either way.
// Several goroutines may use it.
type cutReader struct {
	app   *app
	cache *cutcache.Cache // nil for none
	model string          // of its keys
	cut   string
	size  int
	idle  chan *frozenWorker // those at work are not in it
	more  func() (*frozenWorker, error)

	full, failed atomic.Bool // the cache takes no more: for want of room, or after an error
}

// cutReader opens the cache, if it may be as large as a number of bytes. Without it all is
// computed when it is needed.
func (a *app) cutReader(db *store.DB, network *extract.Network, tuning *extract.Tuning, model store.Model, limit int64) (*cutReader, error) {
	kernels, err := cpu.Chosen()
	if err != nil {
		return nil, err
	}
	c := &cutReader{app: a, model: cutKey(model.ID, extract.EngineRevision, kernels.String()), cut: tuning.Cut().Tensor, size: tuning.CutLen(),
		idle: make(chan *frozenWorker, runtime.GOMAXPROCS(0)), more: func() (*frozenWorker, error) { return newFrozenWorker(db, network, tuning) }}
	for range cap(c.idle) {
		c.idle <- nil // made when needed
	}
	if limit > 0 {
		if c.cache, err = cutcache.Open(a.cutPath(), cutcache.Options{Limit: limit}); err != nil {
			a.warnAside("%v: going on without, which takes longer", err)
		}
	}
	return c, nil
}

func (c *cutReader) close() error {
	if c.cache == nil {
		return nil
	}
	return c.cache.Close()
}

// fill computes what the cache lacks of photos, as far as it has room.
func (c *cutReader) fill(ctx context.Context, photos []*tuningPhoto) error {
	if c.cache == nil {
		return nil
	}
	var missing []*tuningPhoto
	for _, p := range photos {
		if !c.cache.Has(c.key(p, 0), c.size) {
			missing = append(missing, p)
		}
	}
	if there := len(photos) - len(missing); there > 0 {
		c.app.say("activations of %s are in %s", count(there, "photo"), c.app.cutPath())
	}
	if len(missing) == 0 {
		return nil
	}
	var next, done atomic.Int64
	stop := c.app.watch(func() gauge { return gauge{"frozen layers", "photo", done.Load(), int64(len(missing))} })
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for range cap(c.idle) {
		group.Go(func() error {
			x := make([]float32, c.size)
			for i := next.Add(1) - 1; i < int64(len(missing)) && !c.full.Load() && !c.failed.Load(); i = next.Add(1) - 1 {
				if err := c.compute(ctx, missing[i], 0, x); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil && c.full.Load() {
		c.app.warnAside("%s has no room for the activations of %s, which are computed anew in each epoch: --cache or free space on the disk gives more",
			c.app.cutPath(), count(len(missing)-int(done.Load()), "photo"))
	}
	return err
}

// read gives the activations of a view of a photo.
func (c *cutReader) read(ctx context.Context, p *tuningPhoto, view int, dst []float32) error {
	if c.cache != nil {
		there, err := c.cache.Get(c.key(p, view), dst)
		if err != nil {
			c.fail(err)
		} else if there {
			return nil
		}
	}
	return c.compute(ctx, p, view, dst)
}

// compute computes activations, and puts them into the cache.
func (c *cutReader) compute(ctx context.Context, p *tuningPhoto, view int, dst []float32) (err error) {
	w := <-c.idle
	defer func() { c.idle <- w }()
	if w == nil {
		if w, err = c.more(); err != nil {
			return err
		}
	}
	if err := w.activations(ctx, p, view, dst); err != nil {
		return err
	}
	if c.cache != nil && !c.full.Load() && !c.failed.Load() {
		switch err := c.cache.Put(c.key(p, view), dst); {
		case errors.Is(err, cutcache.ErrFull):
			c.full.Store(true)
		case errors.Is(err, cutcache.ErrRange): // Round says so too
		case err != nil:
			c.fail(err)
		}
	}
	if err := cutcache.Round(dst); err != nil {
		return fmt.Errorf("photo %s at %s: %w", p.digest.Short(), c.cut, err)
	}
	return nil
}

// fail says that the cache could not be read or written; it takes no more then.
func (c *cutReader) fail(err error) {
	if !c.failed.Swap(true) {
		c.app.warnAside("%v: going on without, which takes longer", err)
	}
}

func (c *cutReader) key(p *tuningPhoto, view int) cutcache.Key {
	return cutcache.Key{Model: c.model, Cut: c.cut, Photo: p.digest, View: view}
}

// A frozenWorker runs photos through the part of the network that stays as it is. It
// belongs to one goroutine at a time.
type frozenWorker struct {
	prepare *preparer
	lower   *extract.Lower
	pixels  []float32
}

func newFrozenWorker(db *store.DB, network *extract.Network, tuning *extract.Tuning) (*frozenWorker, error) {
	lower, err := tuning.Lower(1)
	if err != nil {
		return nil, err
	}
	p := photoPreparer(db, network)
	return &frozenWorker{p, lower, make([]float32, p.how.Len())}, nil
}

func (w *frozenWorker) activations(ctx context.Context, p *tuningPhoto, view int, dst []float32) error {
	if err := w.prepare.prepare(ctx, p, view, w.pixels); err != nil {
		return err
	}
	return w.lower.Activations(ctx, w.pixels, dst)
}
