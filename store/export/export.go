package export

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"featstore/split"
	"featstore/store"
)

// A Format is a kind of file.
type Format string

// The formats.
const (
	NPY     Format = "npy"
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// Formats lists the formats.
var Formats = []Format{NPY, CSV, Parquet}

// Errors of Write.
var (
	// ErrExists: there is something at the path already. Options.Force replaces it.
	ErrExists = errors.New("exists already")

	// ErrForeign: what is at the path is no export, so it is not replaced.
	ErrForeign = errors.New("is not an export: it is not replaced")

	// ErrNothing: no row to write.
	ErrNothing = errors.New("nothing to export")

	// ErrFormat: no such format.
	ErrFormat = errors.New("unknown format")

	// ErrModels: the store has several models, and none is named.
	ErrModels = errors.New("the store has several models: name those to export")
)

// Options say what to write. Only Format is needed.
type Options struct {
	Format   Format
	Models   []string      // ids; none means the store's only one
	Splits   []split.Split // none means all
	Views    bool          // also the vectors of views, in rows behind all others
	Force    bool          // replace an earlier export
	Progress func(done, total int)

	fault func(step string) error // for tests: may fail each step that writes
}

// A Summary says what was written.
type Summary struct {
	Path     string   `json:"path"`
	Format   Format   `json:"format"`
	Bytes    int64    `json:"bytes"` // of all files
	Models   []string `json:"models"`
	Dim      int      `json:"dim"`
	Labels   []string `json:"labels"` // of all splits, in the order of their numbers
	Rows     int      `json:"rows"`
	Views    int      `json:"views"`    // of them, views
	Splits   Counts   `json:"splits"`   // rows of each
	Copies   int      `json:"copies"`   // further files with the bytes of a row
	Disputed int      `json:"disputed"` // contents left out: they have several labels
	Missing  int      `json:"missing"`  // contents left out: a model has no vector of them
	NotText  int      `json:"not_text"` // paths written with U+FFFD in place of what is not UTF-8
}

// Counts are numbers of rows.
type Counts struct {
	Training   int `json:"training"`
	Validation int `json:"validation"`
	Testing    int `json:"testing"`
}

// Write exports to path: a folder for NPY, a file for the others. What is there
// already is an error, ErrExists, or with Options.Force replaced if it is an export.
// The store may be open for reading only. An export is of one state of it, so other
// processes cannot write to it until the export is done.
func Write(ctx context.Context, db *store.DB, path string, opt Options) (s Summary, err error) {
	format, ok := writers[opt.Format]
	if !ok {
		return s, fmt.Errorf("%w %q: want %s", ErrFormat, opt.Format, joined(Formats))
	}
	t, err := newTarget(path, format.folder, opt)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, t.discard()) }()
	err = db.View(func(tx *store.Tx) error {
		tab, err := survey(ctx, tx, opt)
		if err != nil {
			return err
		}
		s, err = writeRows(ctx, tx, tab, t, opt)
		return err
	})
	if err == nil {
		err = t.commit()
	}
	var disk *diskError
	if errors.As(err, &disk) { // not the store's, which View would have it be
		err = fmt.Errorf("write %s: %w", path, disk.err)
	}
	if err != nil {
		return Summary{}, err
	}
	return s, nil
}

// A rowWriter writes one kind of file, row after row.
type rowWriter interface {
	write(r *row) error
	finish(s *Summary) error // after the last row
}

// writers are the formats' beginnings.
var writers = map[Format]struct {
	folder bool
	open   func(*table, *target) (rowWriter, error)
}{
	NPY:     {true, newNPY},
	CSV:     {false, newCSV},
	Parquet: {false, newParquet},
}

// writeRows writes all rows of the table, in its order.
func writeRows(ctx context.Context, tx *store.Tx, tab *table, t *target, opt Options) (Summary, error) {
	s := tab.summary
	s.Path, s.Format = t.given, opt.Format
	w, err := writers[opt.Format].open(tab, t)
	if err != nil {
		return s, err
	}
	done := 0
	err = tab.each(tx, func(r *row) error {
		if done%128 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.write(r); err != nil {
			return err
		}
		done++
		if opt.Progress != nil {
			opt.Progress(done, tab.summary.Rows)
		}
		return nil
	})
	if err == nil {
		err = w.finish(&s)
	}
	if err == nil {
		err = t.close()
	}
	s.Bytes = t.bytes
	return s, err
}

func joined(formats []Format) string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
