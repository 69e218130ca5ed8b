package ingest

import (
	"fmt"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
)

// Views says which views of training photos to keep.
type Views struct {
	Count   int           // of each photo; 0 removes those that there are
	Augment photo.Augment // how they differ from it
}

// registerViews records which views a model is to have, or finds those that it has.
func (r *run) registerViews(tx *store.Tx, model string) error {
	if v := r.opt.Views; v != nil {
		var want *store.Views
		if v.Count > 0 {
			want = &store.Views{Augment: v.Augment.CanonicalString(), Count: v.Count}
		}
		removed, err := tx.SetViews(model, want)
		if err != nil {
			return err
		}
		r.report.ViewsRemoved += removed
	}
	m, err := tx.Model(model)
	if err != nil {
		return err
	}
	if m.Views == nil {
		r.augment = append(r.augment, nil)
		return nil
	}
	a, err := photo.ParseCanonicalAugment(m.Views.Augment)
	if err != nil {
		return fmt.Errorf("views of model %s: %w", model, err)
	}
	r.augment = append(r.augment, &a)
	return nil
}

// missingViews returns the views that the i-th network lacks of a digest.
func (r *run) missingViews(tx *store.Tx, i int, d split.Digest) ([]int, error) {
	if r.augment[i] == nil {
		return nil, nil
	}
	if r.source.Kind == store.LabelsNone { // a label elsewhere makes it a training photo
		if labels, err := tx.Labels(d); err != nil || len(labels) == 0 {
			return nil, err
		}
	}
	return tx.MissingViews(r.networks[i].model.ID, d)
}
