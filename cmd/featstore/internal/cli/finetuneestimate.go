package cli

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"featstore/extract"
	"featstore/split"
	"featstore/store/cutcache"
)

// A tuningEstimate says how long a tuning will take.
type tuningEstimate struct {
	once  time.Duration // the frozen part, the vectors in the end
	epoch time.Duration
}

func (e tuningEstimate) seconds(epochs int) time.Duration {
	return e.once + time.Duration(epochs)*e.epoch
}

// epochsIn is how many epochs fit into a time; without a limit, any number.
func (e tuningEstimate) epochsIn(limit time.Duration) int {
	if limit <= 0 {
		return 1 << 30
	}
	return int(max(limit-e.once, 0) / max(e.epoch, 1))
}

// A cacheOutlook says what the cache of activations will do for a tuning, in views of photos:
// how many are needed, how many of them it has, and how many it has room for.
type cacheOutlook struct{ needed, held, room int }

// kept is the share of the views that it will have.
func (o cacheOutlook) kept() float64 { return min(1, float64(o.room)/float64(max(o.needed, 1))) }

// missing is how many views will be computed for it before the training.
func (o cacheOutlook) missing() int { return max(0, min(o.needed, o.room)-o.held) }

// cacheOutlook looks at the cache as it is now, without keeping others from it.
func (a *app) cacheOutlook(network *extract.Network, cut extract.Cut, photos *tuningSet, f *finetuning) (o cacheOutlook, err error) {
	further := (f.viewCount() - 1) * len(photos.known(split.Training))
	o.needed = photos.count() + further
	model, err := modelOfCut(network)
	if err != nil || f.cache == 0 {
		return o, err
	}
	o.room = cutcache.Room(a.cutPath(), int64(f.cacheBytes()), model, cut.Tensor, cut.Len())
	stats, err := cutcache.Inspect(a.cutPath())
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil { // opening it will say why
		return cacheOutlook{needed: o.needed}, nil
	}
	there := map[split.Digest]bool{}
	for _, c := range stats.Cuts {
		plain, augment, views := strings.Cut(c.Model, cutViews)
		switch {
		case plain != model || c.Cut != cut.Tensor || c.Values != cut.Len():
		case !views:
			for _, d := range c.Photos {
				there[d] = true
			}
		case augment == f.augment.CanonicalString():
			o.held += min(c.Views, further)
		}
	}
	for _, p := range photos.all() {
		if there[p.digest] {
			o.held++
		}
	}
	return o, nil
}

// measureTuning times a few images on their ways through the network.
func measureTuning(ctx context.Context, network *extract.Network, tuning *extract.Tuning, photos *tuningSet, o cacheOutlook) (tuningEstimate, error) {
	lower, err := tuning.Lower(1)
	if err != nil {
		return tuningEstimate{}, err
	}
	preprocess := network.Info().Preprocess
	pixels, activations := make([]float32, preprocess.Len()), make([]float32, tuning.CutLen())
	below, err := timed(func() error { return lower.Activations(ctx, pixels, activations) })
	if err != nil {
		return tuningEstimate{}, err
	}
	n := tuning.Images()
	x, features := slices.Repeat([][]float32{activations}, n), make([]float32, n*tuning.Dim())
	forward, err := timed(func() error { return tuning.Forward(ctx, x, features) })
	if err != nil {
		return tuningEstimate{}, err
	}
	clear(features)
	both, err := timed(func() error {
		if err := tuning.Forward(ctx, x, features); err != nil {
			return err
		}
		return tuning.Backward(ctx, features)
	})
	for _, p := range tuning.Parameters() {
		clear(p.Gradient)
	}
	if tuning.AtInput() {
		o = cacheOutlook{}
	}
	c := tuningCosts{read: (below + decodeTime) / time.Duration(tuningCores()), forward: forward / time.Duration(n), both: both / time.Duration(n)}
	return c.estimate(len(photos.known(split.Training)), len(photos.known(split.Validation)), photos.count(), o), err
}

// decodeTime is about what a photo takes to be decoded and prepared, which is not measured.
const decodeTime = 5 * time.Millisecond

// tuningCosts is what an image costs on all cores together.
type tuningCosts struct {
	read    time.Duration // from the file to its activations at the cut
	forward time.Duration // above the cut
	both    time.Duration // above the cut and back
}

// estimate adds up what is computed: the activations that the cache lacks and has room for,
// the bottlenecks that the new layer is fitted on, the epochs, in which what is not kept is
// computed anew, and the vectors of all photos in the end.
func (c tuningCosts) estimate(training, validation, all int, o cacheOutlook) tuningEstimate {
	times := func(n float64, d time.Duration) time.Duration { return time.Duration(n * float64(d)) }
	again := 1 - o.kept()
	return tuningEstimate{
		once: times(float64(o.missing())+again*float64(training), c.read) + times(float64(training), c.forward) +
			times(float64(all), c.read+c.forward),
		epoch: times(again*float64(training+validation), c.read) + times(float64(training), c.both) + times(float64(validation), c.forward),
	}
}

// timed returns how long a function takes when it runs for the second time.
func timed(f func() error) (time.Duration, error) {
	if err := f(); err != nil {
		return 0, err
	}
	start := time.Now()
	err := f()
	return time.Since(start), err
}
