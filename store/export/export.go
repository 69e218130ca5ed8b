// Package export writes the vectors of a store, with labels, splits, digests and
// paths, into files that other programs read: NumPy arrays, CSV and Parquet.
//
// Rows are the usable images: those with one label and a vector of each model
// asked for; images in dispute are left out. They come split by split (training,
// validation, testing), within a split by label, within a label by digest, so the
// same store always gives the same file. Several models' vectors stand side by
// side, in the order asked for.
//
// A file appears under its name once it is complete, or not at all.
package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"featstore/split"
	"featstore/store"
)

// The formats.
const (
	NPY     = "npy"     // a folder: features.npy, N×D float32, and images.csv with what its rows are
	CSV     = "csv"     // one file; a column for each feature
	Parquet = "parquet" // one file; the features are one column of lists
)

// Formats lists the formats.
var Formats = []string{NPY, CSV, Parquet}

var (
	// ErrFormat: there is no such format.
	ErrFormat = errors.New("unknown format")
	// ErrExists: something stands under the name already.
	ErrExists = errors.New("exists already")
	// ErrNothing: no image has a vector in all of the models.
	ErrNothing = errors.New("nothing to export")
)

// Options say what is exported.
type Options struct {
	Models   []string              // ids, at least one
	Splits   []split.Split         // none means all
	Progress func(done, total int) // called now and then; may be nil
}

// A Summary says what was written.
type Summary struct {
	Path   string   `json:"path"`
	Format string   `json:"format"`
	Rows   int      `json:"rows"`
	Dim    int      `json:"dim"`
	Models []string `json:"models"`
	Labels []string `json:"labels"` // in the order of label_index
}

// A row is one image, as every format writes it.
type row struct {
	digest   split.Digest
	label    string
	index    int // of the label in Summary.Labels
	split    split.Split
	path     string // of the first of the files with these bytes, absolute
	copies   int    // files with these bytes
	features []float32
}

// A sink writes rows in one format into a path that does not exist yet.
type sink interface {
	write(*row) error
	close() error // completes the file
	abort()       // lets go of it; the caller removes what is there
}

// Write exports a store into path, in one of the Formats.
func Write(ctx context.Context, db *store.DB, path, format string, opt Options) (Summary, error) {
	if !slices.Contains(Formats, format) {
		return Summary{}, fmt.Errorf("%w %q: want one of %v", ErrFormat, format, Formats)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return Summary{}, fmt.Errorf("export to %s: %w", path, ErrExists)
	}
	t, err := plan(db, opt)
	if err != nil {
		return Summary{}, err
	}
	partial, err := os.MkdirTemp(filepath.Dir(path), ".featstore-export-*")
	if err != nil {
		return Summary{}, fmt.Errorf("export to %s: %w", path, err)
	}
	defer os.RemoveAll(partial)
	unfinished := filepath.Join(partial, filepath.Base(path))
	if err := t.fill(ctx, db, unfinished, format); err != nil {
		return Summary{}, fmt.Errorf("export to %s: %w", path, err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return Summary{}, fmt.Errorf("export to %s: %w", path, err)
	}
	return Summary{Path: path, Format: format, Rows: t.rows, Dim: t.dim, Models: opt.Models, Labels: t.labels}, nil
}

// A table is what is to be written.
type table struct {
	opt     Options
	indexes []*store.Index // one a split
	labels  []string
	rows    int
	dim     int
}

func plan(db *store.DB, opt Options) (*table, error) {
	t := &table{opt: opt}
	if len(opt.Splits) == 0 {
		t.opt.Splits = split.All[:]
	}
	for _, s := range t.opt.Splits {
		ix, err := db.Index(opt.Models, s)
		if err != nil {
			return nil, err
		}
		t.indexes = append(t.indexes, ix)
		t.rows, t.dim = t.rows+ix.Len(), ix.Dim()
		t.labels = append(t.labels, ix.Labels...)
	}
	slices.Sort(t.labels)
	t.labels = slices.Compact(t.labels)
	if t.rows == 0 {
		return nil, fmt.Errorf("%w: no image has vectors of %v", ErrNothing, opt.Models)
	}
	return t, nil
}

func (t *table) fill(ctx context.Context, db *store.DB, path, format string) error {
	out, err := open(path, format, t)
	if err != nil {
		return err
	}
	if err := t.rowsTo(ctx, db, out); err != nil {
		out.abort()
		return err
	}
	return out.close()
}

func open(path, format string, t *table) (sink, error) {
	switch format {
	case NPY:
		return newNPY(path, t.rows, t.dim)
	case CSV:
		return newCSV(path, t.dim)
	}
	return newParquet(path)
}

// rowsTo hands all rows to a sink.
func (t *table) rowsTo(ctx context.Context, db *store.DB, out sink) error {
	roots, err := rootPaths(db)
	if err != nil {
		return err
	}
	done := 0
	for i, ix := range t.indexes {
		err := db.Each(ix, func(label int, d split.Digest, features []float32) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			r := row{digest: d, label: ix.Labels[label], split: t.opt.Splits[i], features: features}
			r.index, _ = slices.BinarySearch(t.labels, r.label)
			if err := r.locate(db, roots); err != nil {
				return err
			}
			done++
			if t.opt.Progress != nil && done%100 == 0 {
				t.opt.Progress(done, t.rows)
			}
			return out.write(&r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func rootPaths(db *store.DB) (map[store.RootID]string, error) {
	paths := map[store.RootID]string{}
	err := db.View(func(tx *store.Tx) error {
		roots, err := tx.Roots()
		for _, r := range roots {
			paths[r.ID] = r.Path
		}
		return err
	})
	return paths, err
}

// locate finds the files that have the row's digest.
func (r *row) locate(db *store.DB, roots map[store.RootID]string) error {
	return db.View(func(tx *store.Tx) error {
		at, _, err := tx.Locations(r.digest)
		if err != nil || len(at) == 0 {
			return err
		}
		r.path = filepath.Join(roots[at[0].Root], filepath.FromSlash(at[0].Path))
		r.copies = len(at)
		return nil
	})
}
