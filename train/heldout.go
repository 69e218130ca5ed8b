package train

import (
	"context"
	"fmt"
	"math"

	"featstore/split"
	"featstore/store"
)

// EnoughToTest is the number of testing images from which on the testing split is
// enough by itself to say how good a head is: of fewer, the interval spans a quarter of
// all accuracies there are.
const EnoughToTest = 30

// A HeldOut says how good a head is where the testing split has few images or none.
type HeldOut struct {
	// CrossValidated is the accuracy of heads with the same settings on images of the
	// training and validation splits, each judged by a head that was trained without it.
	// Its interval allows for the overlap of the folds' training images.
	CrossValidated Proportion `json:"cross_validated"`
	Folds          int        `json:"folds"`

	// Validation is the head's own accuracy on the validation split, which had a part in
	// its calibration; nil where the split is empty, or not chosen by the user.
	Validation *Proportion `json:"validation,omitempty"`
}

// JudgeHeldOut cross-validates the settings of a head that has just been trained, in
// five folds. Whatever the head chose, it chooses anew without the fold it is judged on.
func JudgeHeldOut(ctx context.Context, db *store.DB, h *Head, events func(Event)) (*HeldOut, error) {
	if events == nil {
		events = func(Event) {}
	}
	cfg := h.Recipe()
	d, err := openDataset(db, cfg.Models)
	if err != nil {
		return nil, err
	}
	pool := newWorkerPool(0)
	defer pool.close()
	j, err := newJury(ctx, d, pool)
	if err != nil {
		return nil, err
	}
	out, err := j.heldOut(ctx, cfg.complete(), events)
	if err != nil {
		return nil, fmt.Errorf("cross-validation: %w", err)
	}
	if h.Trained.Fixed > 0 && d.index(split.Validation).Len() > 0 {
		r, err := Evaluate(ctx, db, h, split.Validation)
		if err != nil {
			return nil, err
		}
		out.Validation = &r.Accuracy
	}
	return out, nil
}

// heldOut judges a head by cross-validation.
func (j *jury) heldOut(ctx context.Context, cfg Config, events func(Event)) (*HeldOut, error) {
	out := &HeldOut{Folds: min(5, len(j.all.rows))}
	folds := makeFolds(j.all.truth, j.all.labels, out.Folds, cfg.Seed, 0)
	var shares []float64
	correct, total := 0, 0
	for fold := range out.Folds {
		outside, inside := foldParts(folds, fold)
		p, err := j.judge(ctx, cfg, outside, inside)
		if err != nil {
			return nil, err
		}
		shares = append(shares, p.Share)
		correct, total = correct+p.Correct, total+p.Total
		events(Progress{"cross-validation, as few photos are there to test", fold + 1, out.Folds})
	}
	out.CrossValidated = NewProportion(correct, total)
	if total > 2*out.Folds { // the folds' accuracies say something
		s := summarise(shares, 1/float64(out.Folds-1))
		c := &out.CrossValidated
		c.Low, c.High = math.Min(c.Low, max(s.mean-s.margin, 0)), math.Max(c.High, min(s.mean+s.margin, 1))
	}
	return out, nil
}
