package train

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"featstore/split"
	"featstore/store"
)

// Evaluate looks at every image of a split once and says how good the head is on
// it. Images of a label that the head does not know count as mistaken.
func Evaluate(ctx context.Context, db *store.DB, h *Head, s split.Split) (*Report, error) {
	return EvaluateBy(ctx, db, h, s, func(_ split.Digest, row []float32, probs []float64) error { return h.Predict(row, probs) })
}

// EvaluateBy is Evaluate with the probabilities of each image, given by its features, from
// a function, which fills probs. Whether an image is rejected follows from its features.
func EvaluateBy(ctx context.Context, db *store.DB, h *Head, s split.Split,
	predict func(d split.Digest, row []float32, probs []float64) error) (*Report, error) {
	ix, err := db.Index(h.Models, s)
	if err != nil {
		return nil, err
	}
	if ix.Len() == 0 {
		return nil, fmt.Errorf("%w: no image is in the %v split: add photos, or give the split a larger share", ErrEmptySplit, s)
	}
	if ix.Dim() != h.Dim {
		return nil, fmt.Errorf("%w: the store's images have %d, the head takes %d: train it again", ErrWrongFeature, ix.Dim(), h.Dim)
	}
	labels, strangers := joinLabels(h.Labels, ix.Labels)
	ix, _ = ix.Align(labels)
	t := newTally(labels, len(h.Labels))
	probs := make([]float64, len(h.Labels))
	accepted, right := 0, 0
	err = db.Each(ix, func(label int, d split.Digest, row []float32) error {
		if err := predict(d, row, probs); err != nil {
			return err
		}
		t.add(d, label, probs)
		if !h.Rejects(row, probs) {
			accepted++
			if argmax64(probs) == label {
				right++
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	r := t.report(s)
	if h.CanReject() {
		r.Reject = &RejectReport{h.Reject.Threshold, t.total - accepted, NewShare(t.total-accepted, t.total), NewProportion(right, accepted)}
	}
	if len(strangers) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the head does not know %s, so these images count as mistaken: train it again", list(strangers)))
	}
	return r, nameMisses(db, r.Misses)
}

// joinLabels returns the labels of a head followed by those it does not know.
func joinLabels(known, found []string) (all, strangers []string) {
	for _, l := range found {
		if !slices.Contains(known, l) {
			strangers = append(strangers, l)
		}
	}
	return slices.Concat(known, strangers), strangers
}

// nameMisses sets the paths of misses.
func nameMisses(db *store.DB, misses []Miss) error {
	return db.View(func(tx *store.Tx) (err error) {
		for i := 0; i < len(misses) && err == nil; i++ {
			misses[i].Paths, err = pathsOf(tx, misses[i].Digest)
		}
		return err
	})
}

// pathsOf returns the paths of the files with some bytes.
func pathsOf(tx *store.Tx, d split.Digest) ([]string, error) {
	at, _, err := tx.Locations(d)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, l := range at {
		root, err := tx.Root(l.Root)
		if err != nil {
			return nil, err
		}
		paths = append(paths, filepath.Join(root.Path, filepath.FromSlash(l.Path)))
	}
	return paths, nil
}
