package bench

import (
	"context"
	"time"

	"featstore/extract/photo"
)

// eachPhoto measures something for one photo after the other, all of them where the
// budget allows it, and returns the mean over the photos of their medians: photos
// differ, repetitions should not.
func (b *bench) eachPhoto(ctx context.Context, budget time.Duration, do func(photoFile) (time.Duration, error)) (time.Duration, error) {
	took := make([][]time.Duration, len(b.photos))
	if _, err := do(b.photos[0]); err != nil { // warm
		return 0, err
	}
	n := 0
	for started := time.Now(); n < fewest || time.Since(started) < budget; n++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		i := n % len(b.photos)
		d, err := do(b.photos[i])
		if err != nil {
			return 0, err
		}
		took[i] = append(took[i], d)
	}
	var sum time.Duration
	took = took[:min(n, len(took))]
	for _, t := range took {
		sum += median(t)
	}
	return sum / time.Duration(len(took)), nil
}

func (b *bench) decode(ctx context.Context, budget time.Duration) error {
	var s photo.Scratch
	p := b.Network.Info().Preprocess
	d, err := b.eachPhoto(ctx, budget, func(f photoFile) (time.Duration, error) {
		return timed(func() error {
			_, err := p.Decode(f.data, b.Network.PhotoLimits(), &s)
			return err
		})
	})
	b.result.DecodeMS = milliseconds(d)
	return err
}

func (b *bench) resize(ctx context.Context, budget time.Duration) error {
	var s photo.Scratch
	p := b.Network.Info().Preprocess
	dst := make([]float32, p.Len())
	d, err := b.eachPhoto(ctx, budget, func(f photoFile) (time.Duration, error) {
		ph, err := p.Decode(f.data, b.Network.PhotoLimits(), &s)
		if err != nil {
			return 0, err
		}
		return timed(func() error { return p.Fill(dst, ph, &s) })
	})
	b.result.ResizeMS = milliseconds(d)
	return err
}
