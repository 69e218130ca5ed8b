package importer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"featstore/split"
	"featstore/store"
)

// A Target says what the rows become in a store.
type Target struct {
	Model store.Model // its ID, Name and Dim, and what else is known

	// Computed tells that the model's vectors are those of a network: those that the store has
	// already stay.
	Computed bool

	// Photos is the folder of the rows' photos, absolute and without links; empty if they are
	// not at hand.
	Photos string

	// Unlabelled takes rows without labels also where the store does not know their images,
	// which otherwise cannot be used.
	Unlabelled bool

	Progress func(done, total int)
}

var noDigest split.Digest

// Run puts the rows of a source into a store, and returns what it did, also with an error:
// that is ctx's when it was interrupted. Rows that cannot be used are no error.
func Run(ctx context.Context, db *store.DB, src *Source, survey *Survey, t Target) (*Report, error) {
	im := &importing{
		db: db, src: src, Survey: survey, target: t, report: &Report{Labels: []LabelCount{}, Failures: []Failure{}, Kept: []Failure{}, Roots: []string{}},
		roots: map[string]store.Root{}, seen: map[split.Digest]seen{}, paths: map[split.Digest]bool{},
	}
	im.writer = db.NewWriter(store.WriterOptions{})
	err := src.Each(ctx, true, func(r *Row) error { return im.take(ctx, r) })
	if err == nil {
		err = im.flush(ctx)
	}
	if e := im.writer.Close(); err == nil {
		err = e
	}
	for _, r := range im.roots {
		im.report.Roots = append(im.report.Roots, r.Path)
	}
	slices.Sort(im.report.Roots)
	return im.report, err
}

// importing is the state of a run.
type importing struct {
	db *store.DB
	*Survey
	src    *Source
	target Target
	report *Report
	writer *store.Writer

	roots map[string]store.Root // by path; made when they are first needed
	known bool                  // the model is
	batch []*entry              // not written yet
	size  int                   // floats in it
	seen  map[split.Digest]seen // contents of earlier rows
	paths map[split.Digest]bool // hashes of the places of earlier rows
	done  int
}

// seen is what an earlier row said of a content.
type seen struct {
	row   int
	split split.Split
	fixed bool
}

// Bounds of a batch: its vectors wait in memory.
const (
	batchRows   = 512
	batchFloats = 4 << 20
)

// An entry is an image that a row gives.
type entry struct {
	number int
	name   string
	place
	image  store.Image
	split  split.Split
	fixed  bool
	copied bool // it is another path of a row
	vector []float32
	reason string // why it cannot be used
}

// take puts a row into the batch.
func (im *importing) take(ctx context.Context, r *Row) error {
	im.report.Rows++
	reason := r.Problem
	switch {
	case reason != "":
	case len(r.Label) > store.MaxLabel:
		reason = fmt.Sprintf("its label has %d bytes, at most %d are possible", len(r.Label), store.MaxLabel)
	case !utf8.ValidString(r.Label):
		reason = fmt.Sprintf("its label %q is not UTF-8", r.Label)
	}
	vector := slices.Clone(r.Vector)
	im.size += len(vector)
	for i, p := range append([]string{r.Path}, r.Copies...) {
		e := &entry{number: r.Number, name: r.Name(), split: r.Split, fixed: r.Fixed, copied: i > 0, vector: vector, reason: reason}
		if i > 0 {
			e.name = p
		}
		e.image.Label, e.image.Digest = r.Label, r.Digest
		if reason == "" {
			var err error
			if e.place, err = im.placer.place(r, p); err != nil {
				e.reason = err.Error()
			} else if len(e.path) > store.MaxPath {
				e.reason = fmt.Sprintf("its path has %d bytes, at most %d are possible", len(e.path), store.MaxPath)
			}
		}
		switch {
		case e.image.Digest != noDigest:
		case r.Path == "":
			e.image.Digest = rowDigest(im.labels, r.Number)
		case e.root == im.src.Path:
			e.image.Digest = pathDigest(p)
		}
		if i == 0 || reason == "" {
			im.batch = append(im.batch, e)
		}
	}
	if len(im.batch) < batchRows && im.size < batchFloats {
		return nil
	}
	return im.flush(ctx)
}

// flush hands the batch to the writer.
func (im *importing) flush(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	if im.target.Photos != "" {
		if err := im.hashPhotos(ctx); err != nil {
			return err
		}
	}
	if err := im.join(); err != nil {
		return err
	}
	if err := im.begin(); err != nil {
		return err
	}
	var changes []change
	err := im.db.View(func(tx *store.Tx) error {
		for _, e := range im.batch {
			c, err := im.compare(tx, e)
			if err != nil {
				return err
			}
			changes = append(changes, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := im.write(changes); err != nil {
		return err
	}
	for _, e := range im.batch {
		if !e.copied {
			im.done++
		}
	}
	im.batch, im.size = im.batch[:0], 0
	if im.target.Progress != nil {
		im.target.Progress(im.done, im.Rows)
	}
	return ctx.Err()
}

// join finds the images of earlier imports from other files that have the same path, or row,
// and digest: they are the same.
func (im *importing) join() error {
	return im.db.View(func(tx *store.Tx) error {
		for _, e := range im.batch {
			if e.reason != "" || e.root != im.src.Path {
				continue
			}
			at, _, err := tx.Locations(e.image.Digest)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(at, func(l store.Location) bool { return l.Path == e.path })
			if i < 0 {
				continue
			}
			root, err := tx.Root(at[i].Root)
			if err != nil {
				return err
			}
			e.root, im.roots[root.Path] = root.Path, root
			if known := filepath.ToSlash(root.Path); !slices.Contains(im.placer.known, known) {
				im.placer.known = append(im.placer.known, known)
			}
		}
		return nil
	})
}

// begin makes the model, and the folders of the batch, where the store does not have them.
func (im *importing) begin() error {
	var missing []string
	usable := false
	for _, e := range im.batch {
		if e.reason == "" && e.image.Label == store.Unlabelled && !im.target.Unlabelled && !slices.Contains(im.placer.known, filepath.ToSlash(e.root)) {
			e.reason = noLabel // and no folder is made for it
		}
		if e.reason != "" {
			continue
		}
		usable = true
		if _, ok := im.roots[e.root]; !ok && !slices.Contains(missing, e.root) {
			missing = append(missing, e.root)
		}
	}
	if !usable || im.known && len(missing) == 0 {
		return nil
	}
	return im.db.Update(func(tx *store.Tx) error {
		if err := im.putModel(tx); err != nil {
			return err
		}
		roots, err := tx.Roots()
		if err != nil {
			return err
		}
		for _, path := range missing {
			at := slices.IndexFunc(roots, func(r store.Root) bool { return r.Path == path })
			root := store.Root{Path: path, Name: filepath.Base(path), Seen: time.Now()}
			if im.target.Unlabelled {
				root.Labels = &store.LabelSource{Kind: store.LabelsNone}
			}
			if at >= 0 {
				root = roots[at]
			} else if root, err = tx.PutRoot(root); err != nil {
				return err
			}
			im.roots[path] = root
		}
		return nil
	})
}

// putModel records the model, unless the store knows it so.
func (im *importing) putModel(tx *store.Tx) error {
	m := im.target.Model
	known, err := tx.Model(m.ID)
	im.known = true
	switch {
	case errors.Is(err, store.ErrNotFound):
		m.Added = time.Now()
		return tx.PutModel(m)
	case err != nil || im.target.Computed || m.Imported == nil || known.Imported != nil && *known.Imported == *m.Imported:
		return err
	}
	known.Imported = m.Imported
	return tx.PutModel(known)
}
