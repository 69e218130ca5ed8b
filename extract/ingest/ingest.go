// Package ingest brings a folder of labelled photos into a store, or an archive as if it
// were one: it walks the folder, hashes what is new, runs it through the networks and puts the vectors
// into the store.
//
// # What is computed again
//
// A file whose size and time of last change are those in the store is not opened. Any
// other file is read and hashed; vectors are computed only for bytes that have none in
// the store. So a renamed, moved, copied or touched file costs one read, a photo moved to
// another label's folder changes its label, and a second network computes only its own
// vectors.
//
// What changes bytes and keeps a file's size and time, such as a tool that writes EXIF
// data and sets the time back, shows only with Options.Reread.
//
// A file that is gone stays in the store until Options.Prune asks to drop it,
// unless its bytes turned up under another path: then it was renamed.
//
// # Files that cannot be used
//
// A file that is not a photo, by its name and its bytes, is skipped and listed in the
// report. A photo that cannot be decoded is recorded as a failure with its reason, and
// tried again when it changes or with Options.Retry. Neither stops the run. The same
// bytes under two labels are in dispute: recorded and reported, but not used.
//
// # Views
//
// With Options.Views each training photo also gets vectors of some views of it, changed at
// random (photo.Augment). They are computed like other vectors: only those that are
// missing, also for photos that have come into the training split since.
//
// # Labels
//
// The first folder is a photo's label, unless Options.Labels names something else: lists of
// labels (package annotation), or a pattern for the names of files. The store remembers it
// for the next time. Photos that a list does not name are left out and reported. With
// store.LabelsNone all photos of the folder are kept without a label, in no split.
//
// # Splits of one's own
//
// Usually a store's policy decides which photos are for training and which for testing.
// The caller may decide instead, with folders named after splits (Options.Layout) or with
// a list (Options.SplitList). Identical bytes in two splits are then an error, an
// ownsplit.LeakError, and nothing is changed.
//
// # Interruption
//
// Results are written in transactions of some hundred photos. When the context is
// cancelled, the open one is finished; the next run continues from there.
package ingest

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
)

// Options say how to ingest. The zero value is ready to use.
type Options struct {
	Workers  int       // photos processed at the same time; 0 means one for each processor
	Prune    bool      // drop images whose files are gone
	Reread   bool      // read all files again, also those of known size and time
	Retry    bool      // try again what failed before, though unchanged
	MaxBytes int64     // of a photo's file; 0 means DefaultMaxBytes
	Progress *Progress // counters to watch from another goroutine; may be nil

	// Photos bounds what decoding may cost beside the networks' own: their Memory, which is
	// shared then. The zero value has a Memory of the default size.
	Photos photo.Limits

	// Layout says what folders in the folder mean. With nil it stays what it was, or
	// labels for a folder that is new to the store.
	Layout *store.Layout

	// Views says which views of training photos to keep, by all of the networks. With nil
	// those that the store has are kept up to date.
	Views *Views

	// SplitList puts photos of the folder into the splits of a list.
	SplitList []split.Entry

	// Labels says what gives photos their labels. With nil it is what the store remembers of
	// the folder; for a folder that is new to it, what is recognised there (Hugging Face's
	// metadata, names of ImageNet's folders), and else the names of folders.
	Labels *store.LabelSource

	// ChangeLabels, if not nil, may change what gives the labels before it is used.
	ChangeLabels func(*store.LabelSource)

	// LabelInput is where the list "-" is read from.
	LabelInput io.Reader

	// OnLabelling, if not nil, is told what gave the labels before anything is computed.
	OnLabelling func(*Labelling)
}

// DefaultMaxBytes is the size up to which a file is read as a photo.
const DefaultMaxBytes = photo.MaxFileBytes

// Progress holds counters that rise while Run works.
type Progress struct {
	Found    atomic.Int64 // files found so far
	Listed   atomic.Int64 // rows of lists of labels read so far
	ToHash   atomic.Int64 // files to read beforehand, because their splits are not the policy's
	Hashed   atomic.Int64 // of those, read
	Total    atomic.Int64 // files to process, known once the folder has been read
	Done     atomic.Int64 // of those, finished
	Computed atomic.Int64 // vectors computed, also those of views
	Failed   atomic.Int64 // files that could not be used
}

// A run is one call of Run.
type run struct {
	db       *store.DB
	networks []network
	opt      Options
	root     store.RootID // 0 until register, if it is new to the store
	layout   store.Layout
	source   store.LabelSource // what gives labels
	list     *listing
	report   *tally
	writer   *store.Writer
	claims   claims
	gone     goneFiles
	carried  map[split.Digest]vectors // see carry
	augment  []*photo.Augment         // by network, of its views; nil for none
}

// ingest is Run with networks behind an interface.
func ingest(ctx context.Context, db *store.DB, networks []network, root string, opt Options) (Report, error) {
	started := time.Now()
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	if opt.Photos.Memory == nil {
		opt.Photos.Memory = photo.NewMemory(photo.DefaultMemory)
	}
	if opt.Progress == nil {
		opt.Progress = new(Progress)
	}
	list, err := walk(ctx, root, func() { opt.Progress.Found.Add(1) })
	if err != nil {
		return Report{}, err
	}
	defer list.close()
	r := &run{db: db, networks: networks, opt: opt, list: list, report: newTally(list, networks)}
	err = r.all(ctx)
	r.report.Seconds = time.Since(started).Seconds()
	return r.report.Report, err
}

func (r *run) all(ctx context.Context) error {
	if err := r.layOut(ctx); err != nil {
		return err
	}
	if err := r.list.usable(); err != nil {
		return err
	}
	if err := r.ownSplits(ctx); err != nil {
		return err
	}
	if err := r.register(); err != nil {
		return fmt.Errorf("register folder %s: %w", r.list.root, err)
	}
	work, err := r.plan()
	if err != nil {
		return fmt.Errorf("compare folder %s with the store: %w", r.list.root, err)
	}
	r.opt.Progress.Total.Store(int64(len(work.fresh) + len(work.changed)))
	r.writer = r.db.NewWriter(store.WriterOptions{})
	err = r.write(ctx, work)
	if closed := r.writer.Close(); closed != nil && (err == nil || ctx.Err() != nil) {
		err = fmt.Errorf("write to store: %w", closed)
	}
	if err == nil {
		err = r.groupPhotos(ctx)
	}
	if e := r.conclude(err == nil); err == nil {
		err = e
	}
	return err
}

// write processes the planned files. Files new to the store come first: they may hold
// the same bytes that a changed file held, whose vectors can then be kept.
func (r *run) write(ctx context.Context, w *plan) error {
	if err := r.each(ctx, w.fresh); err != nil {
		return err
	}
	if len(w.changed) > 0 {
		if err := r.writer.Flush(); err != nil {
			return err
		}
		if err := r.carry(ctx, w.changed); err != nil {
			return err
		}
		if err := r.each(ctx, w.changed); err != nil {
			return err
		}
	}
	return r.forget(w)
}
