package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"featstore/extract/ingest/annotation"
)

// FormatWebDataset is LabelList.Format where files beside the photos say their labels.
const FormatWebDataset = "WebDataset"

// mostSample is how many bytes are read of a file that says a photo's label.
const mostSample = 1 << 20

// A sample is a photo with the file that says its label: numbers in listing.all.
type sample struct{ photo, label int }

// samples finds the photos that have a file of the same key with an extension beside them. A
// key is the path up to the first dot of the name.
func (l *listing) samples(extension string) (all []sample) {
	index := &fileIndex{list: l}
	for i, f := range l.all {
		if !namedAsPhoto(f.path) {
			continue
		}
		dir, base := path.Split(f.path)
		key, _, _ := strings.Cut(base, ".")
		if at, ok := index.at(dir + key + "." + extension); ok && l.all[at].err == nil {
			all = append(all, sample{i, at})
		}
	}
	return all
}

// recogniseSamples tells whether an archive, or a folder of them, is a WebDataset. Texts may be
// anything, so they count only where no folder could be a label.
func (r *run) recogniseSamples(ctx context.Context) bool {
	if len(r.list.packed) == 0 {
		return false
	}
	extension, _, sure := r.chooseSamples(ctx, annotation.SampleExtensions, "")
	inFolder := func(f file) bool { return namedAsPhoto(f.path) && strings.Contains(f.below(), "/") }
	return sure && (extension != "txt" || !slices.ContainsFunc(r.list.all, inFolder))
}

// chooseSamples returns the files that say labels, of the first of some extensions that at
// least half of the photos have beside them and that can be read. If there is none, it is
// not sure, and takes the extension that most have.
func (r *run) chooseSamples(ctx context.Context, extensions []string, field string) (extension string, all []sample, sure bool) {
	photos := 0
	for _, f := range r.list.all {
		if namedAsPhoto(f.path) {
			photos++
		}
	}
	for _, ext := range extensions {
		found := r.list.samples(ext)
		if 2*len(found) >= photos && photos > 0 {
			if labels, _, err := r.readSample(ctx, found[0], ext, field); err == nil && len(labels) > 0 {
				return ext, found, true
			}
		}
		if len(found) > len(all) {
			extension, all = ext, found
		}
	}
	return extension, all, false
}

// readSample reads the labels of a photo.
func (r *run) readSample(ctx context.Context, s sample, extension, field string) (labels []string, from string, err error) {
	data, err := r.list.readFile(ctx, r.list.all[s.label].path, mostSample)
	if err != nil {
		return nil, "", err
	}
	return annotation.ParseSample(extension, data, field)
}

// labelBySamples takes labels from the files beside the photos. The column of labels may name
// the extension, or a field of JSON.
func (r *run) labelBySamples(ctx context.Context) error {
	extensions, field := annotation.SampleExtensions, r.source.LabelColumn
	if slices.Contains(extensions, field) {
		extensions, field = []string{field}, ""
	} else if field != "" {
		extensions = []string{"json"}
	}
	extension, all, _ := r.chooseSamples(ctx, extensions, field)
	if len(all) == 0 {
		return fmt.Errorf("%w: no photo has a file %s beside it", ErrLabelsDoNotFit, strings.Join(extensions, ", "))
	}
	return r.readSamples(ctx, all, extension, field)
}

func (r *run) readSamples(ctx context.Context, all []sample, extension, field string) error {
	l := r.newListReader(newFileIndex(r.list), false)
	inOrderOfEntries(all, func(s sample) file { return r.list.all[s.label] })
	column := extension
	for _, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.opt.Progress.Listed.Add(1)
		labels, from, err := r.readSample(ctx, s, extension, field)
		if err == nil {
			column = cmp.Or(from, column)
			err = l.labelAll(s.photo, labels)
		}
		var lacks *annotation.ColumnError
		if errors.As(err, &lacks) && field == "" && l.matched > 0 {
			continue // it just has no label: unlisted
		}
		if err != nil {
			return fmt.Errorf("read label %s: %w", r.list.all[s.label].path, err)
		}
		l.matched++
	}
	r.report.Labelling.Lists = append(r.report.Labelling.Lists, LabelList{
		File: "*." + extension, Format: FormatWebDataset, Rows: len(all), LabelColumn: column, SplitColumns: []string{},
	})
	return l.finish()
}

// labelAll notes the labels of a file, or that it has none.
func (l *listReader) labelAll(at int, labels []string) error {
	if len(labels) == 0 {
		return l.label(at, "")
	}
	for _, label := range labels {
		if err := l.label(at, label); err != nil {
			return err
		}
	}
	return nil
}
