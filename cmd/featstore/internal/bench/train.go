package bench

import (
	"context"
	"errors"
	"math"
	"time"

	"featstore/train"
)

// train measures steps of the default head, by the time between its validations, and
// ends the training when that has been long enough.
func (b *bench) train(ctx context.Context, budget time.Duration) error {
	db, err := b.filled(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	cfg := train.DefaultsOf(train.KindSoftmax)
	cfg.Steps = math.MaxInt32
	enough, stop := context.WithCancel(ctx)
	defer stop()
	var took []time.Duration
	var began, last time.Time
	_, err = train.Fit(enough, db, cfg, func(e train.Event) {
		if _, ok := e.(train.Validation); !ok {
			return
		}
		now := time.Now()
		if began.IsZero() { // the first steps warm up
			began = now
		} else {
			took = append(took, now.Sub(last))
		}
		last = now
		if len(took) >= fewest && now.Sub(began) >= budget {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return err
	}
	b.result.TrainStepUS = microseconds(median(took)) / float64(cfg.EvalEvery)
	b.result.TrainBatch, b.result.TrainLabels = cfg.Batch, labels
	return nil
}
