package train

import (
	"context"
	"fmt"

	"featstore/split"
	"featstore/store"
)

// Views of photos are further rows to train on: each shows a photo a little differently
// (package photo). A photo with its views counts as one photo, wherever photos are
// counted: labels are as common as their photos, C is the weight of a photo, folds
// take a photo with its views or not at all, and whatever judges a head judges it on
// plain photos. So a head is fitted to as many rows of each photo as the photo with most
// views has; where a photo has fewer, they are taken more than once.

// openViews finds the views of the training split.
func (d *dataset) openViews(tx *store.Tx) error {
	ix := d.splits[split.Training]
	if err := tx.IndexViews(ix); err != nil || ix.Augment != "" {
		return err
	}
	for _, id := range d.models {
		m, err := tx.Model(id)
		if err != nil {
			return err
		}
		d.unusedViews = d.unusedViews || m.Views != nil
	}
	return nil
}

// viewWarnings says which views are not used.
func (d *dataset) viewWarnings() []string {
	ix := d.index(split.Training)
	switch {
	case d.unusedViews:
		return []string{"views are not used, as not all of the networks have the same: ingest the photos with all of them at once, with the same views"}
	case ix.MissingViews > 0:
		return []string{fmt.Sprintf("%d views of training images are missing, so these train with fewer: ingest their folder again", ix.MissingViews)}
	}
	return nil
}

// withoutViews is an index of the same images without their views.
func withoutViews(ix *store.Index) *store.Index {
	out := *ix
	out.Views = nil
	return &out
}

// readViews reads the views of a table's images. They lie behind the images' own
// features: the table's places must be those of the index.
func (t *table) readViews(ctx context.Context, db *store.DB, ix *store.Index) error {
	n := ix.LenViews()
	if n == 0 {
		return nil
	}
	dim := t.dim()
	all := make([]float32, n*dim)
	t.views = make([][][]float32, len(t.rows))
	image := 0
	return db.EachView(ix, func(_ int, d split.Digest, view int, row []float32) error {
		for t.digests[image] != d {
			image++
		}
		if err := requireFinite(row, d); err != nil {
			return fmt.Errorf("view %d: %w", view, err)
		}
		own := all[:dim:dim]
		all = all[dim:]
		copy(own, row)
		t.views[image] = append(t.views[image], own)
		return ctx.Err()
	})
}

// plain returns a table of the images without their views.
func (t *table) plain() *table {
	out := *t
	out.views = nil
	return &out
}

// augmented returns a table of the images and, behind them, their views, as many of
// each image.
func (t *table) augmented() *table {
	most := 0
	for _, views := range t.views {
		most = max(most, len(views))
	}
	if most == 0 {
		return t
	}
	out := &table{labels: t.labels, dims: t.dims, perImage: 1 + most}
	for round := range 1 + most {
		for i, row := range t.rows {
			if at := round % (1 + len(t.views[i])); at > 0 {
				row = t.views[i][at-1]
			}
			out.rows = append(out.rows, row)
		}
		out.truth = append(out.truth, t.truth...)
		out.digests = append(out.digests, t.digests...)
		out.places = append(out.places, t.places...)
	}
	return out
}

// images returns the number of images, of which each has perImage rows: first all plain
// ones, then the views.
func (t *table) images() int { return len(t.rows) / max(t.perImage, 1) }

// perRow divides the weight C of an image among its rows.
func (t *table) perRow(strengths []float64) []float64 {
	if t.perImage <= 1 {
		return strengths
	}
	out := make([]float64, len(strengths))
	for i, c := range strengths {
		out[i] = c / float64(t.perImage)
	}
	return out
}
