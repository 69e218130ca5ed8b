package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"featstore/store"
)

// A Curve says how the accuracy of a head grows with the number of images that it
// is trained on, and so whether more photos would help.
type Curve struct {
	Kind   string       `json:"kind"`
	Points []CurvePoint `json:"points"` // fewest images first
}

// A CurvePoint is one number of training images. Mean and bounds are as in a
// HeadScore.
type CurvePoint struct {
	Images int     `json:"images"`
	Mean   float64 `json:"accuracy"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// String returns a table.
func (c *Curve) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%15s %8s %15s\n", "training images", "accuracy", "95% interval")
	for _, p := range c.Points {
		fmt.Fprintf(&b, "%15d %7.1f%% %15s\n", p.Images, 100*p.Mean, fmt.Sprintf("%.1f–%.1f%%", 100*p.Low, 100*p.High))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// curveSizes is the number of points of a learning curve, each with twice the
// images of the one before.
const curveSizes = 6

// LearningCurve fits a head to fewer and fewer of the images and judges it by
// cross-validation on the training and validation splits. All points are judged on
// the same images; each smaller set is part of the larger ones and has each label's
// share.
func LearningCurve(ctx context.Context, db *store.DB, cfg Config, opt CVOptions, events func(Event)) (*Curve, error) {
	if events == nil {
		events = func(Event) {}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Kind == KindAuto {
		return nil, fmt.Errorf("%w: a learning curve is of one kind of head; %q is none", ErrConfig, KindAuto)
	}
	if err := opt.complete(); err != nil {
		return nil, err
	}
	d, err := openDataset(db, cfg.Models)
	if err != nil {
		return nil, err
	}
	for _, w := range d.leftOut() {
		events(Warning{w})
	}
	pool := newWorkerPool(0)
	defer pool.close()
	j, err := newJury(ctx, d, pool)
	if err != nil {
		return nil, err
	}
	return j.curve(ctx, cfg.complete(), opt, events)
}

func (j *jury) curve(ctx context.Context, cfg Config, opt CVOptions, events func(Event)) (*Curve, error) {
	shares := make([][]float64, curveSizes)
	images := make([]int, curveSizes)
	done, total := 0, opt.Folds*opt.Repeats*curveSizes
	for repeat := range opt.Repeats {
		folds := makeFolds(j.all.truth, j.all.labels, opt.Folds, opt.Seed, uint64(repeat))
		for fold := range opt.Folds {
			outside, inside := foldParts(folds, fold)
			outside = j.ranked(outside, rand.NewPCG(opt.Seed, streamCurve<<32|uint64(repeat)))
			for size := range curveSizes {
				n := len(outside) >> (curveSizes - 1 - size)
				done++
				events(Progress{"learning curve", done, total})
				if n < 2*j.all.labels {
					continue // fewer than two images a label say nothing
				}
				p, err := j.judge(ctx, cfg, outside[:n], inside)
				if err != nil {
					return nil, fmt.Errorf("learning curve of the %s head with %d images: %w", cfg.Kind, n, err)
				}
				shares[size] = append(shares[size], p.Share)
				images[size] += n
			}
		}
	}
	c := &Curve{Kind: cfg.Kind}
	for size, s := range shares {
		if len(s) < 2 {
			continue
		}
		m := summarise(s, 1/float64(opt.Folds-1))
		low, high := m.interval(len(j.all.rows))
		c.Points = append(c.Points, CurvePoint{images[size] / len(s), m.mean, low, high})
	}
	if len(c.Points) == 0 {
		return nil, fmt.Errorf("%w: %d in the training and validation splits give no learning curve of %d labels: add photos", ErrTooFew,
			len(j.all.rows), j.all.labels)
	}
	return c, nil
}

// ranked orders images at random, but so that every beginning of the list has each
// label's share of images.
func (j *jury) ranked(images []int, src rand.Source) []int {
	byLabel := make([][]int, j.all.labels)
	for _, i := range images {
		byLabel[j.all.truth[i]] = append(byLabel[j.all.truth[i]], i)
	}
	for _, list := range byLabel {
		shuffle(src, list)
	}
	taken := make([]int, j.all.labels)
	out := make([]int, 0, len(images))
	for len(out) < len(images) {
		next := -1
		for l, list := range byLabel {
			if taken[l] == len(list) {
				continue
			}
			// The label that lags furthest behind its share.
			if next < 0 || (taken[l]+1)*len(byLabel[next]) < (taken[next]+1)*len(list) {
				next = l
			}
		}
		out = append(out, byLabel[next][taken[next]])
		taken[next]++
	}
	return out
}
