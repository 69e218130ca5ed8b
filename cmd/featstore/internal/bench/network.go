package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
)

// input returns a photo as the network sees it. What is on it does not change the
// time.
func (b *bench) input() ([]float32, error) {
	p := b.Network.Info().Preprocess
	pixels := make([]float32, p.Len())
	return pixels, p.Pixels(pixels, b.photos[0].data, b.Network.PhotoLimits(), nil)
}

// single measures one photo at a time on some number of cores.
func (b *bench) single(ctx context.Context, budget time.Duration, cores int) (float64, error) {
	in, err := b.input()
	if err != nil {
		return 0, err
	}
	x, err := b.Network.NewParallelExtractor(cores)
	if err != nil {
		return 0, err
	}
	out := make([]float32, b.result.Dim)
	took, err := repeat(ctx, budget, func() (time.Duration, error) {
		return timed(func() error { return x.ExtractInput(ctx, in, out) })
	})
	if err != nil {
		return 0, err
	}
	return milliseconds(median(took)), nil
}

func (b *bench) latency(ctx context.Context, budget time.Duration) (err error) {
	b.result.NetworkLatencyMS, err = b.single(ctx, budget, b.result.Cores)
	return err
}

func (b *bench) core(ctx context.Context, budget time.Duration) (err error) {
	b.result.NetworkCoreMS, err = b.single(ctx, budget, 1)
	return err
}

// Rounds of stream are long enough that the end, at which not all cores are busy, does
// not count.
const (
	streamRound = 200 * time.Millisecond
	streamLeast = 4 // photos a core
)

// stream measures as many extractors as there are cores, each with photos of its own,
// which is what ingest does.
func (b *bench) stream(ctx context.Context, budget time.Duration) error {
	in, err := b.input()
	if err != nil {
		return err
	}
	streams := make([]*extract.Extractor, b.result.Cores)
	for i := range streams {
		if streams[i], err = b.Network.NewExtractor(); err != nil {
			return err
		}
	}
	one := time.Duration(b.result.NetworkCoreMS * float64(time.Millisecond)) // measured before
	each := max(streamLeast, int(streamRound/max(one, time.Microsecond)))
	took, err := repeat(ctx, budget, func() (time.Duration, error) {
		return timed(func() error { return b.streamRound(ctx, streams, in, each) })
	})
	if err != nil {
		return err
	}
	b.result.NetworkStreamMS = milliseconds(median(took)) / float64(each*len(streams))
	return nil
}

func (b *bench) streamRound(ctx context.Context, streams []*extract.Extractor, in []float32, each int) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, x := range streams {
		group.Go(func() error {
			out := make([]float32, b.result.Dim)
			for range each {
				if err := x.ExtractInput(ctx, in, out); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
