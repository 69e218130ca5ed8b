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
	cache activationCache // nil for none
	model string          // of its keys
	cut   string
	size  int
	idle  chan prepareFunc // the frozen layers, for a goroutine each; nil until they are needed
	more  func() (prepareFunc, error)

	full, failed atomic.Bool // the cache takes no more: for want of room, or after an error
}

// An activationCache is a cutcache.Cache.
type activationCache interface {
	Has(k cutcache.Key, values int) bool
	Get(k cutcache.Key, dst []float32) (bool, error)
	Put(k cutcache.Key, x []float32) error
	Close() error
}

// cutReader opens the cache, if it may be as large as a number of bytes. Without it all is
// computed when it is needed.
func (a *app) cutReader(db *store.DB, network *extract.Network, tuning *extract.Tuning, model store.Model, limit int64) (*cutReader, error) {
	kernels, err := cpu.Chosen()
	if err != nil {
		return nil, err
	}
	c := &cutReader{app: a, model: cutKey(model.ID, extract.EngineRevision, kernels.String()), cut: tuning.Cut().Tensor, size: tuning.CutLen(),
		idle: idleWorkers(runtime.GOMAXPROCS(0)), more: func() (prepareFunc, error) { return frozenLayers(db, network, tuning) }}
	if limit == 0 {
		return c, nil
	}
	cache, err := cutcache.Open(a.cutPath(), cutcache.Options{Limit: limit})
	if err != nil {
		a.warnAside("%v: going on without, which takes longer", err)
		return c, nil
	}
	c.cache = cache
	return c, nil
}

func idleWorkers(n int) chan prepareFunc {
	idle := make(chan prepareFunc, n)
	for range n {
		idle <- nil
	}
	return idle
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
	missing := c.missing(photos)
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
			c.app.cutPath(), count(len(c.missing(missing)), "photo"))
	}
	return err
}

// missing returns the photos that the cache lacks. The others are in use from now on.
func (c *cutReader) missing(photos []*tuningPhoto) (all []*tuningPhoto) {
	for _, p := range photos {
		if !c.cache.Has(c.key(p, 0), c.size) {
			all = append(all, p)
		}
	}
	return all
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
	worker := <-c.idle
	defer func() { c.idle <- worker }()
	if worker == nil {
		if worker, err = c.more(); err != nil {
			return err
		}
	}
	if err := worker(ctx, p, view, dst); err != nil {
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

// frozenLayers returns what runs a photo through the part of the network that stays as it
// is. It belongs to one goroutine at a time.
func frozenLayers(db *store.DB, network *extract.Network, tuning *extract.Tuning) (prepareFunc, error) {
	lower, err := tuning.Lower(1)
	if err != nil {
		return nil, err
	}
	prepare := photoPreparer(db, network)
	pixels := make([]float32, prepare.how.Len())
	return func(ctx context.Context, p *tuningPhoto, view int, dst []float32) error {
		if err := prepare.prepare(ctx, p, view, pixels); err != nil {
			return err
		}
		return lower.Activations(ctx, pixels, dst)
	}, nil
}
