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
// that is empty. Events are delivered in order, on the caller's goroutine; nil
// ignores them. The head is not saved.
//
// Images of the testing split take no part in the training, nor do images of the
// validation split in that of a softmax head, which is only watched on them.
func Train(ctx context.Context, db *store.DB, cfg Config, events func(Event)) (*Head, *Report, error) {
	h, err := Fit(ctx, db, cfg, events)
	if err != nil {
		return nil, nil, err
	}
	ix, err := db.Index(h.Models, split.Testing)
	if err != nil || ix.Len() == 0 {
		return h, nil, err
	}
	r, err := Evaluate(ctx, db, h, split.Testing)
	if err != nil {
		return nil, nil, err
	}
	h.Test = r.Accuracy
	return h, r, nil
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
	cfg.Models = d.models
	h := &Head{
		Kind: cfg.Kind, Labels: d.labels, Models: d.models, Dim: d.index(split.Training).Dim(),
		Created: time.Now().UTC().Truncate(time.Second), Config: cfg, Trained: d.trainedOn(),
	}
	switch cfg.Kind {
	case KindSoftmax:
		h.classifier, err = fitSoftmax(ctx, d, cfg, events)
	default:
		err = fmt.Errorf("%w: %q", ErrUnknownKind, cfg.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("training a %s head: %w", cfg.Kind, err)
	}
	return h, nil
}
