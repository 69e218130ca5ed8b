package export

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"featstore/split"
	"featstore/store"
)

// A table is what is to be written: which rows, and what all rows share.
type table struct {
	models  []store.Model
	labels  []string // sorted, of all splits
	parts   []*store.Index
	folders map[store.RootID]string
	views   bool
	summary Summary
	widest  int // characters of the longest path
}

// A row is one content with its vector. It is reused: its slices are valid until
// the next row.
type row struct {
	digest split.Digest
	split  split.Split
	label  int // index of table.labels
	name   string
	view   int      // number, 0 for the plain photo
	path   string   // of the first file
	copies []string // paths of the other files
	vector []float32
}

// survey finds the rows, and everything that must be known before the first is
// written.
func survey(ctx context.Context, tx *store.Tx, opt Options) (*table, error) {
	t := &table{folders: map[store.RootID]string{}, views: opt.Views}
	ids, err := t.readModels(tx, opt.Models)
	if err != nil {
		return nil, err
	}
	roots, err := tx.Roots()
	if err != nil {
		return nil, err
	}
	for _, r := range roots {
		t.folders[r.ID] = r.Path
	}
	all := 0
	for _, sp := range split.All {
		ix, err := tx.Index(ids, sp)
		if err != nil {
			return nil, err
		}
		all += ix.Len()
		if t.views && sp == split.Training {
			if err := tx.IndexViews(ix); err != nil {
				return nil, err
			}
		}
		t.labels = append(t.labels, ix.Labels...)
		if len(opt.Splits) == 0 || slices.Contains(opt.Splits, sp) {
			t.parts = append(t.parts, ix)
		}
	}
	slices.Sort(t.labels)
	t.labels = slices.Compact(t.labels)
	if err := t.count(ctx, tx, all); err != nil {
		return nil, err
	}
	if t.summary.Rows == 0 {
		return nil, fmt.Errorf("%w: the splits asked for have no vectors, the others %d", ErrNothing, all)
	}
	return t, nil
}

// readModels looks the models up, and returns their ids.
func (t *table) readModels(tx *store.Tx, ids []string) ([]string, error) {
	if len(ids) == 0 {
		all, err := tx.Models()
		if err != nil {
			return nil, err
		}
		switch all = store.Usual(all); len(all) {
		case 0:
			return nil, fmt.Errorf("%w: the store has no vectors", ErrNothing)
		case 1:
			ids = []string{all[0].ID}
		default:
			return nil, ErrModels
		}
	}
	for _, id := range ids {
		m, err := tx.Model(id)
		if err != nil {
			return nil, err
		}
		t.models = append(t.models, m)
		t.summary.Dim += m.Dim
	}
	t.summary.Models = ids
	return ids, nil
}

// count fills the summary, and finds the longest path. all is the number of rows
// there would be with all splits.
func (t *table) count(ctx context.Context, tx *store.Tx, all int) error {
	stats, err := tx.Stats()
	if err != nil {
		return err
	}
	s := &t.summary
	s.Labels, s.Disputed = t.labels, len(stats.Disputed)
	s.Missing = stats.Distinct - s.Disputed - stats.Unlabelled - all
	var r row
	for _, ix := range t.parts {
		rows := ix.Len() + ix.LenViews()
		*s.Splits.of(ix.Split) = rows
		s.Rows += rows
		s.Views += ix.LenViews()
		for _, keys := range ix.Keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, d := range keys {
				if err := t.locate(tx, d, &r); err != nil {
					return err
				}
				t.widest = max(t.widest, utf8.RuneCountInString(r.path))
				s.Copies += len(r.copies)
			}
		}
	}
	return nil
}

func (c *Counts) of(s split.Split) *int {
	switch s {
	case split.Training:
		return &c.Training
	case split.Validation:
		return &c.Validation
	}
	return &c.Testing
}

// locate gives the row the paths of its digest.
func (t *table) locate(tx *store.Tx, d split.Digest, r *row) error {
	at, _, err := tx.Locations(d)
	if err != nil {
		return err
	}
	if len(at) == 0 {
		return fmt.Errorf("%w: a vector of %s has no image", store.ErrCorrupt, d.Short())
	}
	r.copies = r.copies[:0]
	for i, l := range at {
		path := filepath.Join(t.folders[l.Root], filepath.FromSlash(l.Path))
		if i == 0 {
			r.path = path
		} else {
			r.copies = append(r.copies, path)
		}
	}
	return nil
}

// each calls fn for every row, in order: photos, then views.
func (t *table) each(tx *store.Tx, fn func(*row) error) error {
	if err := t.eachPhoto(tx, fn); err != nil {
		return err
	}
	var r row
	for _, ix := range t.parts {
		r.split = ix.Split
		err := tx.EachView(ix, func(label int, d split.Digest, view int, vector []float32) error {
			r.view = view
			return t.fill(tx, &r, ix, label, d, vector, fn)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill calls fn with the row of a vector.
func (t *table) fill(tx *store.Tx, r *row, ix *store.Index, label int, d split.Digest, vector []float32, fn func(*row) error) error {
	r.digest, r.name, r.vector = d, ix.Labels[label], vector
	r.label, _ = slices.BinarySearch(t.labels, r.name)
	if err := t.locate(tx, d, r); err != nil {
		return err
	}
	return fn(r)
}

// eachPhoto calls fn for every row of a plain photo.
func (t *table) eachPhoto(tx *store.Tx, fn func(*row) error) error {
	var r row
	for _, ix := range t.parts {
		r.split = ix.Split
		err := tx.Each(ix, func(label int, d split.Digest, vector []float32) error {
			return t.fill(tx, &r, ix, label, d, vector, fn)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
