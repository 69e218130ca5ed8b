package bench

import (
	"context"
	"fmt"
	"time"

	"featstore/cmd/featstore/internal/tunable"
	"featstore/extract"
	"featstore/train"
)

const (
	// DefaultBatch is the images of a step of fine-tuning where none are asked for.
	DefaultBatch = 32
	// usualCut leaves the last five blocks of the embedded network to train.
	usualCut = "block10.add"
	// usualShare of the computation stays frozen of other networks.
	usualShare = 0.6
	// tuneSteps are in an epoch, which begins with more than steps.
	tuneSteps = 8
	// tuneImages are as many different images as are trained on.
	tuneImages = 8
)

// finetune measures steps of fine-tuning: forward, backward, and the weights' move.
func (b *bench) finetune(ctx context.Context, budget time.Duration) error {
	cut, err := b.cut()
	if err != nil {
		return err
	}
	batch := b.Batch
	if batch == 0 {
		batch = DefaultBatch
	}
	opt := extract.TuningOptions{Cut: cut.Tensor, Cores: b.result.Cores}
	if batch < tuneImages {
		opt.Images = batch // what is missing would be computed as well
	}
	tuning, err := b.Network.Tune(opt)
	if err != nil {
		return err
	}
	images, err := b.activations(ctx, tuning)
	if err != nil {
		return err
	}
	photos := train.TunePhotos{Truth: make([]int, tuneSteps*batch), Read: func(i int, dst []float32) error {
		copy(dst, images[i%len(images)])
		return nil
	}}
	for i := range photos.Truth {
		photos.Truth[i] = i % labels
	}
	took, err := tuneSteadily(ctx, budget, tuning, photos, batch)
	if err != nil {
		return err
	}
	b.result.FinetuneMS = milliseconds(median(took)) / float64(batch)
	b.result.FinetuneFrom, b.result.FinetuneBatch = cut.Tensor, batch
	return nil
}

// cut finds where the network is parted.
func (b *bench) cut() (extract.Cut, error) {
	cuts, err := b.Network.Cuts()
	if err != nil {
		return extract.Cut{}, err
	}
	if b.From != "" {
		return extract.FindCut(cuts, b.From)
	}
	if c, err := extract.FindCut(cuts, usualCut); err == nil {
		return c, nil
	}
	return extract.CutAt(cuts, usualShare), nil
}

// activations returns those of a few photos at the cut.
func (b *bench) activations(ctx context.Context, tuning *extract.Tuning) ([][]float32, error) {
	lower, err := tuning.Lower(b.result.Cores)
	if err != nil {
		return nil, err
	}
	p := b.Network.Info().Preprocess
	pixels, images := make([]float32, p.Len()), make([][]float32, min(tuneImages, len(b.photos)))
	for i := range images {
		images[i] = make([]float32, tuning.CutLen())
		if err := p.Pixels(pixels, b.photos[i].data, b.Network.PhotoLimits(), nil); err != nil {
			return nil, err
		}
		if err := lower.Activations(ctx, pixels, images[i]); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// tuneSteadily tunes until the budget is spent and returns what each step took, the first
// one and the last ones of epochs, which end with more than a step, left out.
func tuneSteadily(ctx context.Context, budget time.Duration, tuning *extract.Tuning, photos train.TunePhotos, batch int) ([]time.Duration, error) {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	cfg := train.DefaultTuneConfig()
	cfg.Batch, cfg.Epochs = batch, 1<<20
	var took []time.Duration
	var started, last time.Time
	_, err := train.Tune(inner, tunable.Network{Tuning: tuning}, labels, photos, train.TunePhotos{}, cfg, func(e train.Event) {
		now := time.Now()
		p, ok := e.(train.TuneProgress)
		if !ok {
			return
		}
		if started.IsZero() {
			started = now
		} else if !p.Ended {
			took = append(took, now.Sub(last))
		}
		last = now
		if len(took) >= fewest && now.Sub(started) >= budget {
			stop()
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case inner.Err() != nil:
		return took, nil
	case err == nil:
		err = fmt.Errorf("tuning ended by itself")
	}
	return nil, err
}
