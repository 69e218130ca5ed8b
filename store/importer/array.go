package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"featstore/split"
)

// featuresName is the file in a folder of arrays that has the vectors.
const featuresName = "features.npy"

// arrays are features with values beside them.
type arrays struct {
	features *array
	labels   *column
	paths    *column
	splits   *column
	digests  *column
	views    *column
	copies   map[string][]string // by digest
	vector   []float32
}

// openFolder opens a folder as package export writes it; of its files only features.npy must be
// there. Files that are given go before those of the folder.
func (s *Source) openFolder(dir string) error {
	f, err := s.opt.open(filepath.Join(dir, featuresName))
	if err != nil {
		return fmt.Errorf("%s: %w", featuresName, withoutPath(err))
	}
	there := func(given *string, name string) {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); *given == "" && err == nil {
			*given = path
		}
	}
	if s.opt.LabelNames == "" && s.opt.Labels == "" {
		there(&s.opt.LabelNames, "label_names.npy")
	}
	there(&s.opt.Labels, "labels.npy")
	there(&s.opt.Paths, "paths.npy")
	there(&s.opt.Splits, "splits.npy")
	if err := s.openArray(f); err != nil {
		return err
	}
	a := s.reader.(*arrays)
	for name, at := range map[string]**column{"digests.npy": &a.digests, "views.npy": &a.views} {
		path := ""
		if there(&path, name); path == "" {
			continue
		}
		if *at, err = s.column(path, a, nil); err != nil {
			return err
		}
	}
	a.copies, err = s.readCopies(filepath.Join(dir, exportName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// openArray opens an array of features, and what is given beside it.
func (s *Source) openArray(f *os.File) error {
	features, err := openNPY(f)
	if err != nil {
		return err
	}
	a := &arrays{features: features}
	s.reader, s.Format, s.Rows, s.Dim = a, NPY, features.rows(), features.width
	if err := checkFeatures(features); err != nil {
		return err
	}
	var names []string
	if s.opt.LabelNames != "" {
		if names, err = s.labelNames(); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		path  string
		at    **column
		usual []string
	}{{s.opt.Labels, &a.labels, labelNames}, {s.opt.Paths, &a.paths, pathNames}, {s.opt.Splits, &a.splits, splitNames}} {
		if c.path == "" {
			continue
		}
		if *c.at, err = s.column(c.path, a, c.usual); err != nil {
			return err
		}
	}
	if a.labels != nil {
		a.labels.names = names
	}
	return nil
}

// checkFeatures refuses arrays that are not rows of numbers with fractions.
func checkFeatures(a *array) error {
	wide := 0 // axes behind the first that are longer than 1
	for _, n := range a.shape[1:] {
		if n != 1 {
			wide++
		}
	}
	switch {
	case len(a.shape) < 2 || wide > 1:
		return fmt.Errorf("%w: its shape is %v: want N×D, a row for each photo", ErrSource, a.shape)
	case a.fortran && a.rows() > 1 && a.width > 1:
		return fmt.Errorf("%w: its values lie by columns: save numpy.ascontiguousarray of it", ErrSource)
	case a.kind != 'f':
		return fmt.Errorf("%w: its values are no floats: save it with astype(numpy.float32)", ErrSource)
	case a.rows() == 0 || a.width == 0:
		return fmt.Errorf("%w: its shape is %v: it is empty", ErrSource, a.shape)
	}
	return nil
}

// column opens a file of as many values as the features have rows.
func (s *Source) column(path string, a *arrays, usual []string) (*column, error) {
	c, err := openColumn(&s.opt, path, usual)
	if err == nil && c.array != nil && c.array.rows() != a.features.rows() {
		err = fmt.Errorf("%w: it has %d values, and there are %d rows of features", ErrSource, c.array.rows(), a.features.rows())
		err = errors.Join(err, c.close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return c, nil
}

// all lists the columns that there are.
func (a *arrays) all() (all []*column) {
	for _, c := range []*column{a.labels, a.paths, a.splits, a.digests, a.views} {
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

func (a *arrays) close() error {
	err := a.features.file.Close()
	for _, c := range a.all() {
		err = errors.Join(err, c.close())
	}
	return err
}

func (a *arrays) each(_ context.Context, vectors bool, fn func(*Row) error) error {
	if err := a.features.rewind(); err != nil {
		return err
	}
	for _, c := range a.all() {
		if err := c.rewind(); err != nil {
			return c.named(err)
		}
	}
	for i := range a.features.rows() {
		r := Row{Number: i}
		if vectors {
			if err := a.features.next(); err != nil {
				return err
			}
			if a.vector == nil {
				a.vector = make([]float32, a.features.width)
			}
			a.features.floats(a.vector)
			r.Vector = a.vector
		}
		if err := a.describe(&r); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	for _, c := range a.all() {
		if err := c.end(a.features.rows()); err != nil {
			return c.named(err)
		}
	}
	return nil
}

// describe reads what the columns say of a row.
func (a *arrays) describe(r *Row) error {
	said := map[*column]string{}
	for _, c := range a.all() {
		text, err := c.next()
		if err != nil {
			return c.named(err)
		}
		said[c] = text
	}
	if view := said[a.views]; a.views != nil && view != "0" && view != "" {
		return ErrViews
	}
	r.describe(said[a.paths], said[a.labels], said[a.splits], said[a.digests])
	r.Copies = a.copies[said[a.digests]]
	return nil
}

// describe takes over what a file says of a row, as texts that may be empty.
func (r *Row) describe(path, label, splitName, digest string) {
	r.Path, r.Label = path, strings.TrimSpace(label)
	if splitName = strings.TrimSpace(splitName); splitName != "" {
		if r.Split, r.Fixed = split.Spelling(splitName); !r.Fixed {
			r.Problem = fmt.Sprintf("its split is %.40q: want training, validation or testing", splitName)
		}
	}
	if digest = strings.TrimSpace(digest); digest != "" {
		d, err := split.ParseDigest(digest)
		if err != nil {
			r.Problem = fmt.Sprintf("its digest is %.80q: want 64 hexadecimal digits", digest)
		}
		r.Digest = d
	}
}
