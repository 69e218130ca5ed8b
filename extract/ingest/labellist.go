package ingest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"featstore/extract/ingest/annotation"
	"featstore/split"
	"featstore/store"
)

// mostLabels and mostLabelBytes bound the different labels of lists: a column of captions or
// numbers has more.
const (
	mostLabels     = 1_000_000
	mostLabelBytes = 64 << 20
)

// A labelTable holds each label once.
type labelTable struct {
	number map[string]int32 // of a label in names
	names  []string
	bytes  int
}

func newLabelTable() *labelTable { return &labelTable{number: map[string]int32{}} }

// intern returns a label that is equal to the given one, the same for all of its kind.
func (t *labelTable) intern(label string) string { return t.names[t.add(label)] }

// add returns a label's number.
func (t *labelTable) add(label string) int32 {
	n, ok := t.number[label]
	if !ok {
		label = strings.Clone(label) // not a piece of a line
		n = int32(len(t.names))
		t.number[label], t.names = n, append(t.names, label)
		t.bytes += len(label)
	}
	return n
}

// A listed is what lists said of one file.
type listed struct {
	label int32 // number in the table; noLabel, unlisted
	other int32 // another label, unlisted if none
}

const (
	unlisted = -1 // no list names the file
	noLabel  = -2 // a list names it without a label
)

// A listReader labels files by the rows of lists.
type listReader struct {
	*run
	index   *fileIndex
	table   *labelTable
	groups  *labelTable
	of      []listed // by number of the file in listing.all
	matched int      // rows that have a file
	first   string   // the path of the first row
	folded  bool     // paths of lists may begin with folders that are not here
}

// labelByLists reads the lists of the source.
func (r *run) labelByLists(ctx context.Context) error {
	names := r.source.Files
	if r.source.Kind == store.LabelsByMetadata {
		if names = r.list.metadata(); len(names) == 0 {
			return fmt.Errorf("%w: %s has no metadata.csv or metadata.jsonl any more", ErrNoList, r.list.root)
		}
	}
	index := newFileIndex(r.list)
	l, err := r.readLists(ctx, names, index, false)
	if err == nil && l.matched == 0 && !slices.Contains(names, "-") {
		// Paths of another machine may begin with folders that this one does not have.
		*r.report.Labelling = Labelling{Recognised: r.report.Labelling.Recognised}
		l, err = r.readLists(ctx, names, index, true)
	}
	if err != nil {
		return err
	}
	if l.matched == 0 {
		return fmt.Errorf("%w: none of the %d photos of %s is in the folder, the first is %q", ErrLabelsDoNotFit,
			r.report.Labelling.Missing, strings.Join(names, ", "), l.first)
	}
	return l.finish()
}

// readLists reads lists from their beginnings. folded is that of lookup.
func (r *run) readLists(ctx context.Context, names []string, index *fileIndex, folded bool) (*listReader, error) {
	l := r.newListReader(index, folded)
	for _, name := range names {
		if err := l.read(ctx, name); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// newListReader returns a reader that knows no label of a file yet.
func (r *run) newListReader(index *fileIndex, folded bool) *listReader {
	l := &listReader{
		run: r, index: index, table: newLabelTable(), groups: newLabelTable(), of: make([]listed, len(r.list.all)), folded: folded,
	}
	for i := range l.of {
		l.of[i] = listed{unlisted, unlisted}
	}
	for i := range r.list.all {
		r.list.all[i].said, r.list.all[i].group = 0, ""
	}
	return l
}

// read labels files by one list.
func (l *listReader) read(ctx context.Context, name string) error {
	f, err := l.openList(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	from := newLookup(l.index, l.list.located(name), l.folded)
	info, err := annotation.Read(f, columnsOf(l.source), func(row annotation.Row) error { return l.row(from, row) })
	if e := ctx.Err(); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("read list of labels %s: %w", name, err)
	}
	l.report.Labelling.Lists = append(l.report.Labelling.Lists, LabelList{
		File: name, Format: info.Format, Rows: info.Rows, PathColumn: info.PathColumn, LabelColumn: info.LabelColumn,
		SplitColumn: info.SplitColumn, GroupColumn: info.GroupColumn, SplitColumns: some(info.SplitColumns),
	})
	return nil
}

// row labels the file that a row means.
func (l *listReader) row(from *lookup, row annotation.Row) error {
	l.opt.Progress.Listed.Add(1)
	if l.first == "" {
		l.first = strings.Clone(row.Path)
	}
	at, err := from.find(row.Path)
	if at < 0 && err == nil && row.Other != "" {
		at, err = from.find(row.Other)
	}
	if err != nil {
		return fmt.Errorf("row %d: %.200q %w: %w", row.Line, row.Path, ErrAmbiguous, err)
	}
	if at < 0 {
		example(&l.report.Labelling.Missing, &l.report.Labelling.MissingPaths, strings.Clone(row.Path))
		return nil
	}
	l.matched++
	if err := l.label(at, row.Label); err != nil {
		return err
	}
	return l.owned(at, row)
}

// label notes a label of a file.
func (l *listReader) label(at int, label string) error {
	is := &l.of[at]
	label = norm.NFC.String(label)
	if label == "" {
		if is.label == unlisted {
			is.label = noLabel
		}
		return nil
	}
	n := l.table.add(label)
	if len(l.table.names) > mostLabels || l.table.bytes > mostLabelBytes {
		return fmt.Errorf("%w: it has more than %d different labels: is that the column of the labels?", annotation.ErrList, len(l.table.names)-1)
	}
	switch {
	case is.label < 0:
		is.label = n
	case is.label != n && is.other == unlisted:
		is.other = n
	}
	return nil
}

// owned notes the split and the group of a file.
func (l *listReader) owned(at int, row annotation.Row) error {
	f := &l.list.all[at]
	if text := strings.TrimSpace(row.Split); text != "" {
		s, ok := split.Spelling(text)
		if !ok {
			return fmt.Errorf("%w: row %d: unknown split %.60q: want training, validation or testing", annotation.ErrList, row.Line, text)
		}
		if was, ok := f.said.split(); ok && was != s {
			return fmt.Errorf("row %d: %s %w: for %v and for %v", row.Line, f.path, ErrTwice, was, s)
		}
		f.said = says(s)
	}
	if group := strings.TrimSpace(row.Group); group != "" {
		if f.group != "" && f.group != group {
			return fmt.Errorf("row %d: %s %w: in group %.60q and in %.60q", row.Line, f.path, ErrTwice, f.group, group)
		}
		f.group = l.groups.intern(group)
	}
	return nil
}

// finish labels the files once all lists are read.
func (l *listReader) finish() error {
	report := l.report.Labelling
	parts := l.table.separated(l.source.Separator)
	several := SeveralLabelsError{}
	l.list.files, l.list.unlabelled = nil, nil
	for i, f := range l.list.all {
		is := l.of[i]
		switch {
		case is.label == unlisted:
			if namedAsPhoto(f.path) {
				example(&report.Unlisted, &report.UnlistedPaths, f.path)
			}
			continue
		case is.label == noLabel:
			example(&report.Blank, &report.BlankPaths, f.path)
			continue
		}
		f.label = l.table.names[is.label]
		if two := parts[is.label]; two != nil || is.other >= 0 {
			labels := f.label
			if two != nil {
				labels, f.label = strings.Join(two, ", "), two[0]
			}
			if is.other >= 0 {
				labels += ", " + l.table.names[is.other]
			}
			example(&several.Count, &several.First, fmt.Sprintf("%s (%s)", f.path, labels))
		}
		l.list.files = append(l.list.files, f)
	}
	if several.Count > 0 && !l.source.First {
		several.First = several.First[:min(len(several.First), 5)]
		return &several
	}
	report.Several, report.SeveralPaths = several.Count, several.First
	if len(l.list.files) == 0 {
		return fmt.Errorf("%w: all %d photos of the list that are in the folder have an empty label", ErrLabelsDoNotFit, report.Blank)
	}
	l.list.labelsOfFiles()
	return nil
}

// NoSeparator is the LabelSource.Separator of labels that are never several.
const NoSeparator = "none"

// separated returns the labels that are several in one cell, with their parts. Without a
// separator, bars and semicolons separate; commas and blanks do if all parts are labels by
// themselves too.
func (t *labelTable) separated(separator string) map[int32][]string {
	several := map[int32][]string{}
	for n, name := range t.names {
		var parts []string
		switch separator {
		case NoSeparator:
		case "":
			parts = t.guessParts(name)
		default:
			parts = partsOf(name, separator)
		}
		if len(parts) > 1 {
			several[int32(n)] = parts
		}
	}
	return several
}

func (t *labelTable) guessParts(name string) []string {
	for _, sure := range []string{"|", ";"} {
		if parts := partsOf(name, sure); len(parts) > 1 {
			return parts
		}
	}
	for _, maybe := range []string{",", " "} {
		parts := partsOf(name, maybe)
		for _, p := range parts {
			if _, ok := t.number[p]; !ok || p == name {
				parts = nil
				break
			}
		}
		if len(parts) > 1 {
			return parts
		}
	}
	return nil
}

// partsOf are the different labels in a cell.
func partsOf(cell, separator string) (parts []string) {
	if !strings.Contains(cell, separator) {
		return nil
	}
	seen := map[string]bool{}
	for p := range strings.SplitSeq(cell, separator) {
		if p = strings.TrimSpace(p); p != "" && !seen[p] {
			seen[p] = true
			parts = append(parts, p)
		}
	}
	return parts
}

// metadata returns the lists that Hugging Face's imagefolder would read: in the folder
// itself, or in folders in it that are named after splits.
func (l *listing) metadata() (names []string) {
	for _, f := range l.all {
		base := path.Base(f.path)
		if f.err != nil || base != "metadata.csv" && base != "metadata.jsonl" {
			continue
		}
		dir := path.Dir(f.below())
		if _, named := split.Spelling(dir); dir == "." || named {
			names = append(names, f.path)
		}
	}
	return names
}

// recognise looks for what gives labels in a folder that is new to the store.
func (r *run) recognise(ctx context.Context) store.LabelSource {
	for _, name := range r.list.metadata() {
		f, err := r.openList(ctx, name)
		if err != nil {
			continue
		}
		var info annotation.Info
		enough := errors.New("enough")
		info, err = annotation.Read(f, annotation.Options{}, func(annotation.Row) error { return enough })
		f.Close()
		if errors.Is(err, enough) && annotation.UsualLabel(info.LabelColumn) {
			return store.LabelSource{Kind: store.LabelsByMetadata}
		}
	}
	if r.recogniseSamples(ctx) {
		return store.LabelSource{Kind: store.LabelsBySample}
	}
	return r.recogniseSynsets()
}
