package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/store/cutcache"
)

// A cutReader gives the activations of photos at a cut: from the cache beside the store,
// or computed from the photo, and then for the cache. They are the same either way.
// Several goroutines may use it.
type cutReader struct {
	app   *app
	cache activationCache // nil for none
	model string          // of its keys, for photos as they are
	cut   string
	size  int
	idle  chan frozenFunc // the frozen layers, for a goroutine each; nil until they are needed
	more  func() (frozenFunc, error)

	augment photo.Augment // how views differ from the photo
	views   int           // of each photo that is trained on

	full, failed atomic.Bool // the cache takes no more: for want of room, or after an error
}

// A frozenFunc runs a view of a photo through the part of the network that stays as it is.
// It belongs to one goroutine at a time.
type frozenFunc func(ctx context.Context, of split.Digest, view photo.View, dst []float32) error

// A photoView is a view of a photo, by its number: 0 is the photo as it is.
type photoView struct {
	*tuningPhoto
	number int
}

// An activationCache is a cutcache.Cache.
type activationCache interface {
	Has(k cutcache.Key, values int) bool
	Get(k cutcache.Key, dst []float32) (bool, error)
	Put(k cutcache.Key, x []float32) error
	Close() error
}

// cutReader opens the cache, if there may be one. Without it all is computed when it is
// needed.
func (a *app) cutReader(db *store.DB, network *extract.Network, tuning *extract.Tuning, f finetuning) (*cutReader, error) {
	model, err := modelOfCut(network)
	if err != nil {
		return nil, err
	}
	c := &cutReader{app: a, model: model, cut: tuning.Cut().Tensor, size: tuning.CutLen(),
		idle: idleWorkers(runtime.GOMAXPROCS(0)), more: func() (frozenFunc, error) { return frozenLayers(db, network, tuning) },
		augment: f.augment, views: f.viewCount()}
	limit := int64(f.cacheBytes())
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

func idleWorkers(n int) chan frozenFunc {
	idle := make(chan frozenFunc, n)
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

// viewsOf returns the photos as they are, and the other views of those that are trained on.
func (c *cutReader) viewsOf(photos, trained []*tuningPhoto) []photoView {
	var all []photoView
	for _, p := range photos {
		all = append(all, photoView{p, 0})
	}
	for _, p := range trained {
		for n := 1; n < c.views; n++ {
			all = append(all, photoView{p, n})
		}
	}
	return all
}

// fill computes what the cache lacks of views, as far as it has room.
func (c *cutReader) fill(ctx context.Context, views []photoView) error {
	if c.cache == nil {
		return nil
	}
	missing, what := c.missing(views), "photo"
	if c.views > 1 {
		what = "view"
	}
	if there := len(views) - len(missing); there > 0 {
		c.app.say("activations of %s are in %s", count(there, what), c.app.cutPath())
	}
	if len(missing) == 0 {
		return nil
	}
	var next, done atomic.Int64
	stop := c.app.watch(func() gauge { return gauge{"frozen layers", what, done.Load(), int64(len(missing))} })
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for range cap(c.idle) {
		group.Go(func() error {
			x := make([]float32, c.size)
			for i := next.Add(1) - 1; i < int64(len(missing)) && !c.full.Load() && !c.failed.Load(); i = next.Add(1) - 1 {
				if err := c.compute(ctx, missing[i], x); err != nil {
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
			c.app.cutPath(), count(len(c.missing(missing)), what))
	}
	return err
}

// missing returns the views that the cache lacks. The others are in use from now on.
func (c *cutReader) missing(views []photoView) (all []photoView) {
	for _, v := range views {
		if !c.cache.Has(c.key(v), c.size) {
			all = append(all, v)
		}
	}
	return all
}

// read gives the activations of a photo in an epoch. In each, a photo has one of its views,
// in turns that not all photos begin with the same. Epoch 0 is that of photos as they are.
func (c *cutReader) read(ctx context.Context, p *tuningPhoto, epoch int, dst []float32) error {
	v := photoView{p, 0}
	if epoch > 0 {
		v.number = (epoch + int(p.digest[0])) % c.views
	}
	if c.cache != nil {
		there, err := c.cache.Get(c.key(v), dst)
		if err != nil {
			c.fail(err)
		} else if there {
			return nil
		}
	}
	return c.compute(ctx, v, dst)
}

// compute computes activations, and puts them into the cache.
func (c *cutReader) compute(ctx context.Context, v photoView, dst []float32) (err error) {
	worker := <-c.idle
	defer func() { c.idle <- worker }()
	if worker == nil {
		if worker, err = c.more(); err != nil {
			return err
		}
	}
	if err := worker(ctx, v.digest, c.augment.View(v.digest, uint64(v.number)), dst); err != nil {
		return err
	}
	if c.cache != nil && !c.full.Load() && !c.failed.Load() {
		switch err := c.cache.Put(c.key(v), dst); {
		case errors.Is(err, cutcache.ErrFull):
			c.full.Store(true)
		case errors.Is(err, cutcache.ErrRange): // Round says so too
		case err != nil:
			c.fail(err)
		}
	}
	if err := cutcache.Round(dst); err != nil {
		return fmt.Errorf("photo %s at %s: %w", v.digest.Short(), c.cut, err)
	}
	return nil
}

// fail says that the cache could not be read or written; it takes no more then.
func (c *cutReader) fail(err error) {
	if !c.failed.Swap(true) {
		c.app.warnAside("%v: going on without, which takes longer", err)
	}
}

// key is what the cache knows a view by. The photo as it is belongs to all augmentations.
func (c *cutReader) key(v photoView) cutcache.Key {
	model := c.model
	if v.number > 0 {
		model += cutViews + c.augment.CanonicalString()
	}
	return cutcache.Key{Model: model, Cut: c.cut, Photo: v.digest, View: v.number}
}

// frozenLayers returns the frozen layers for one goroutine.
func frozenLayers(db *store.DB, network *extract.Network, tuning *extract.Tuning) (frozenFunc, error) {
	lower, err := tuning.Lower(1)
	if err != nil {
		return nil, err
	}
	prepare := photoPreparer(db, network)
	pixels := make([]float32, prepare.how.Len())
	return func(ctx context.Context, of split.Digest, view photo.View, dst []float32) error {
		if err := prepare.prepare(ctx, of, view, pixels); err != nil {
			return err
		}
		return lower.Activations(ctx, pixels, dst)
	}, nil
}
