package train

import (
	"context"
	"fmt"
	"time"

	"featstore/split"
	"featstore/store"
)

// Train fits the head that cfg asks for on the training split and then tests it,
// once, on the whole testing split. The report is nil, and a warning says so, when
// that is empty. A Leak is told where many testing images nearly equal a training image,
// an Unconverged where a softmax head could have been trained longer. Events are delivered
// in order, on the caller's goroutine; nil ignores them. The head is not saved.
//
// The validation split is used to watch a softmax head, to calibrate any head and,
// for KindAuto, to choose among the kinds. The testing split is used for nothing
// but the test.
func Train(ctx context.Context, db *store.DB, cfg Config, events func(Event)) (*Head, *Report, error) {
	h, err := Fit(ctx, db, cfg, events)
	if err != nil {
		return nil, nil, err
	}
	r, err := h.test(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	if events != nil {
		err = h.tellDoubts(ctx, db, cfg, events)
	}
	if err != nil {
		return nil, nil, err
	}
	return h, r, nil
}

// tellDoubts tells what makes a head's accuracy look too good, and what a better one may be
// found by.
func (h *Head) tellDoubts(ctx context.Context, db *store.DB, cfg Config, events func(Event)) error {
	leak, err := FindLeak(ctx, db, h.Models)
	if err != nil {
		return err
	}
	if leak.Many() {
		events(leak)
	}
	if cfg.Kind != KindSoftmax { // one that KindAuto has chosen was as good as those that converge
		return nil
	}
	u, err := h.unconverged(ctx, db, events)
	if u != nil {
		events(u)
	}
	return err
}

// test tests the head on the whole testing split. The report is nil if that is empty.
func (h *Head) test(ctx context.Context, db *store.DB) (*Report, error) {
	ix, err := db.Index(h.Models, split.Testing)
	if err != nil || ix.Len() == 0 {
		return nil, err
	}
	r, err := Evaluate(ctx, db, h, split.Testing)
	if err != nil {
		return nil, err
	}
	h.Test = r.Accuracy
	return r, nil
}

// Fit is Train without the test.
func Fit(ctx context.Context, db *store.DB, cfg Config, events func(Event)) (*Head, error) {
	if events == nil {
		events = func(Event) {}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d, err := openDataset(db, cfg.Models)
	if err != nil {
		return nil, err
	}
	for _, w := range d.warnings() {
		events(Warning{w})
	}
	if !cfg.Plain {
		for _, w := range d.viewWarnings() {
			events(Warning{w})
		}
	}
	cfg.Models = d.models
	pool := newWorkerPool(0)
	defer pool.close()
	if cfg.Kind == KindAuto {
		if cfg, err = chooseKind(ctx, d, cfg, pool, events); err != nil {
			return nil, err
		}
	}
	f := &fitting{cfg: cfg.complete(), pool: pool, events: events}
	h, err := f.head(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("training the %s head: %w", cfg.Kind, err)
	}
	return h, nil
}

// head fits a head on the training split and calibrates it on the validation split.
func (f *fitting) head(ctx context.Context, d *dataset) (*Head, error) {
	got, err := f.fit(ctx, d)
	if err != nil {
		return nil, err
	}
	return f.finish(ctx, d, got)
}

// finish makes a head of what was learnt and calibrates it on the validation split.
func (f *fitting) finish(ctx context.Context, d *dataset, got *fitted) (*Head, error) {
	h := got.head(d.labels)
	h.Models, h.Created = d.models, time.Now().UTC().Truncate(time.Second)
	var err error
	if h.Trained, err = d.trainedOn(); err != nil {
		return nil, err
	}
	if training := d.index(split.Training); !f.cfg.Plain && training.Views != nil {
		h.Trained.Views, h.Trained.Augment = training.LenViews(), training.Augment
	}
	scores, truth, err := scoresOf(ctx, d.db, h, d.index(split.Validation))
	if err != nil {
		return nil, err
	}
	h.calibrate(scores, truth)
	return h, h.fitRejection(ctx, d, f.pool)
}

// fit fits on the training split.
func (f *fitting) fit(ctx context.Context, d *dataset) (*fitted, error) {
	training := d.index(split.Training)
	if !onMinibatches(f.cfg.Kind) {
		t, err := readTable(ctx, d.db, training)
		if err == nil && !f.cfg.Plain {
			err = t.readViews(ctx, d.db, training)
		}
		if err != nil {
			return nil, err
		}
		return f.fitTable(ctx, t)
	}
	if f.cfg.Plain {
		training = withoutViews(training)
	}
	s, err := fitScalingFromStore(ctx, d, f.cfg.Scaling)
	if err != nil {
		return nil, err
	}
	return f.fitDescent(ctx, &descentData{db: d.db, training: []*store.Index{training}, validation: d.index(split.Validation), scaling: s})
}

// scoresOf returns the scores, N×C, and labels of the images of an index.
func scoresOf(ctx context.Context, db *store.DB, h *Head, ix *store.Index) (scores []float64, truth []int, err error) {
	labels := len(h.Labels)
	scores = make([]float64, ix.Len()*labels)
	err = db.Each(ix, func(label int, _ split.Digest, row []float32) error {
		h.scores(scores[len(truth)*labels:(len(truth)+1)*labels], [][]float32{row})
		truth = append(truth, label)
		return ctx.Err()
	})
	return scores, truth, err
}
