package cli

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/ingest"
)

// A quantizeSample is the photos that a network is quantized on, and those that the
// result is then compared on.
type quantizeSample struct {
	calibrate []string
	compare   []string
	features  [][]float32 // of those to compare on, in float
	failed    []failedPhoto
}

// A cosineRange is how near features are to those in float.
type cosineRange struct {
	Mean  float64 `json:"mean"`
	Least float64 `json:"least"`
}

// sampleOf takes photos evenly from those in the folder. All are looked at once, so that
// those that cannot be decoded are known.
func (a *app) sampleOf(ctx context.Context, exact *extract.Network, q quantizing) (*quantizeSample, error) {
	if err := findFolder(q.photos); err != nil {
		return nil, err
	}
	found, err := expand(ctx, []string{q.photos})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, hint(errors.New("no photos found in "+q.photos), "give a folder with photos like those that the network will see")
	}
	calibrate, compare := divide(found, q.calibrate)
	s := &quantizeSample{failed: []failedPhoto{}}
	features, err := a.featuresOf(ctx, exact, slices.Concat(calibrate, compare), q.workers, s)
	if err != nil {
		return nil, err
	}
	for i, p := range calibrate {
		if features[i] != nil {
			s.calibrate = append(s.calibrate, p)
		}
	}
	for i, p := range compare {
		if f := features[len(calibrate)+i]; f != nil {
			s.compare, s.features = append(s.compare, p), append(s.features, f)
		}
	}
	for _, f := range s.failed {
		a.warn("%s: %s", f.Path, f.Error)
	}
	if len(s.calibrate) == 0 {
		return nil, errors.New("none of the photos taken from " + q.photos + " can be used")
	}
	return s, nil
}

// divide takes up to twice so many photos evenly from all, and puts every other one into
// either part.
func divide(all []string, each int) (calibrate, compare []string) {
	n := min(len(all), 2*each)
	for i := range n {
		p := all[i*len(all)/n]
		if i%2 == 0 {
			calibrate = append(calibrate, p)
		} else {
			compare = append(compare, p)
		}
	}
	return calibrate, compare
}

// featuresOf computes the features of photos; those that cannot be used have none, and
// are noted.
func (a *app) featuresOf(ctx context.Context, n *extract.Network, photos []string, workers int, note *quantizeSample) ([][]float32, error) {
	features, failures := make([][]float32, len(photos)), make([]error, len(photos))
	var next, done atomic.Int64
	stop := a.watch(func() gauge { return gauge{"features of " + n.Info().Name, "photo", done.Load(), int64(len(photos))} })
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for range min(workers, len(photos)) {
		group.Go(func() error {
			x, err := n.NewExtractor()
			if err != nil {
				return err
			}
			for i := int(next.Add(1)) - 1; i < len(photos); i = int(next.Add(1)) - 1 {
				f := make([]float32, n.Info().Dim)
				data, err := ingest.ReadPhoto(ctx, photos[i])
				if err == nil {
					err = x.ExtractBytes(ctx, data, f)
				}
				if e := ctx.Err(); e != nil {
					return e
				}
				if failures[i] = err; err == nil {
					features[i] = f
				}
				done.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, err := range failures {
		if err != nil {
			note.failed = append(note.failed, failedPhoto{photos[i], err.Error()})
		}
	}
	return features, nil
}

// read returns the bytes of a photo to calibrate on.
func (s *quantizeSample) read(ctx context.Context, i int) ([]byte, error) {
	return ingest.ReadPhoto(ctx, s.calibrate[i])
}

// cosineOf compares the features of the photos that were not calibrated on; nil without any.
func (a *app) cosineOf(ctx context.Context, rounded *extract.Network, s *quantizeSample, workers int) (*cosineRange, error) {
	if len(s.compare) == 0 {
		return nil, nil
	}
	var later quantizeSample
	features, err := a.featuresOf(ctx, rounded, s.compare, workers, &later)
	if err != nil {
		return nil, err
	}
	if len(later.failed) > 0 {
		return nil, errors.New(later.failed[0].Path + ": " + later.failed[0].Error)
	}
	c := &cosineRange{Least: 1}
	for i, f := range features {
		x := cosine(s.features[i], f)
		c.Mean += x / float64(len(features))
		c.Least = min(c.Least, x)
	}
	return c, nil
}

// cosine is that of the angle between two vectors, 1 for two that are nothing.
func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i, x := range a {
		ab, aa, bb = ab+float64(x)*float64(b[i]), aa+float64(x)*float64(x), bb+float64(b[i])*float64(b[i])
	}
	if aa == 0 && bb == 0 {
		return 1
	}
	return ab / math.Sqrt(max(aa*bb, math.SmallestNonzeroFloat64))
}
