package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"featstore/extract/ingest/annotation"
	"featstore/store"
)

// A Labelling says what gave the photos of a folder their labels, and what did not fit.
// Lists of paths are only the first of them.
type Labelling struct {
	Source     store.LabelSource `json:"source"`
	Recognised bool              `json:"recognised"` // found in the folder, not asked for
	Lists      []LabelList       `json:"lists"`

	Missing       int      `json:"missing"` // rows whose photo is not in the folder
	MissingPaths  []string `json:"missing_paths"`
	Blank         int      `json:"blank"` // photos that a list names without a label
	BlankPaths    []string `json:"blank_paths"`
	Unlisted      int      `json:"unlisted"` // photos that no list names, or no pattern fits
	UnlistedPaths []string `json:"unlisted_paths"`
	Several       int      `json:"several"` // photos with several labels, of which the first was taken
	SeveralPaths  []string `json:"several_paths"`

	Unnamed []string   `json:"unnamed"` // labels that the file of names does not name
	Synsets bool       `json:"synsets"` // all labels are ids of ImageNet, and nothing names them
	Alike   [][]string `json:"alike"`   // labels that differ only in case or blanks
}

// A LabelList says how a list was understood.
type LabelList struct {
	File   string `json:"file"`
	Format string `json:"format"`
	Rows   int    `json:"rows"`

	PathColumn  string `json:"path_column"`
	LabelColumn string `json:"label_column"` // empty where each label has a column of its own
	SplitColumn string `json:"split_column"`
	GroupColumn string `json:"group_column"`

	SplitColumns []string `json:"split_columns"` // those that look like splits and are not used
}

// Errors of labels. Those of lists also wrap annotation.ErrList, or are of type
// *annotation.ColumnError.
var (
	// ErrNoList: a list of labels, or a file of their names, cannot be opened.
	ErrNoList = errors.New("cannot open the list of labels")

	// ErrNotRecorded: the labels came from standard input, which cannot be read again.
	ErrNotRecorded = errors.New("the labels were read from standard input, which has none now")

	// ErrLabelsDoNotFit: no photo of the folder gets a label.
	ErrLabelsDoNotFit = errors.New("no photo gets a label")

	// ErrAmbiguous: a row of a list means several files.
	ErrAmbiguous = errors.New("means several files")

	// ErrListOnly: columns are asked for where no list gives the labels.
	ErrListOnly = errors.New("no list gives the labels")

	// ErrTwice: a list gives a photo two splits, or two groups.
	ErrTwice = errors.New("is listed twice")
)

// A SeveralLabelsError is a list that gives photos several labels.
type SeveralLabelsError struct {
	Count int
	First []string // the first of the photos, with their labels
}

func (e *SeveralLabelsError) Error() string {
	text := fmt.Sprintf("%d photos have several labels: %s", e.Count, strings.Join(e.First, "; "))
	if e.Count == 1 {
		text = fmt.Sprintf("a photo has several labels: %s", e.First[0])
	}
	if e.Count > len(e.First) {
		text += fmt.Sprintf("; and %d more", e.Count-len(e.First))
	}
	return text
}

// mostExamples is how many files of a kind a Labelling names.
const mostExamples = 20

// example counts something and notes the first of its names.
func example(count *int, names *[]string, name string) {
	if *count++; *count <= mostExamples {
		*names = append(*names, name)
	}
}

// recordable is what the store remembers of a source: nothing if it is names of folders.
func recordable(s store.LabelSource) *store.LabelSource {
	if s.Kind == store.LabelsByFolder && s.Names == "" && !s.Merge {
		return nil
	}
	return &s
}

// giveLabels decides what gives the labels and labels the files.
func (r *run) giveLabels(ctx context.Context, root store.Root) error {
	report := &Labelling{}
	r.report.Labelling = report
	if err := r.chooseSource(ctx, root); err != nil {
		return err
	}
	var err error
	switch r.source.Kind {
	case store.LabelsByFolder:
		r.list.arrange(r.layout)
	case store.LabelsByName:
		err = r.labelByName()
	case store.LabelsNone:
		r.layout, r.list.files, r.list.labels = store.ByLabel, r.list.all, nil
	case store.LabelsByList, store.LabelsByMetadata:
		err = r.labelByLists(ctx)
	case store.LabelsBySample:
		err = r.labelBySamples(ctx)
	default:
		err = fmt.Errorf("the store says that labels are given by %q, which this version does not know", r.source.Kind)
	}
	if err == nil && r.source.Kind != store.LabelsNone {
		err = r.nameLabels(ctx)
	}
	if err != nil {
		return err
	}
	r.spellLabels()
	report.Source = r.source
	report.Lists, report.Alike = some(report.Lists), some(report.Alike)
	for _, names := range []*[]string{&report.MissingPaths, &report.BlankPaths, &report.UnlistedPaths, &report.SeveralPaths, &report.Unnamed} {
		*names = some(*names)
	}
	if r.opt.OnLabelling != nil {
		r.opt.OnLabelling(report)
	}
	return nil
}

// chooseSource decides what gives the labels: what the caller asks for, what the store
// remembers, or what is recognised in a folder that is new to it.
func (r *run) chooseSource(ctx context.Context, root store.Root) (err error) {
	switch {
	case r.opt.Labels != nil:
		r.source = *r.opt.Labels
	case root.Labels != nil:
		r.source = *root.Labels
	case root.ID == 0:
		r.source = r.recognise(ctx)
		r.report.Labelling.Recognised = recordable(r.source) != nil
	}
	if r.opt.ChangeLabels != nil {
		r.opt.ChangeLabels(&r.source)
	}
	s := &r.source
	s.Files = slices.Clone(s.Files)
	for i := range s.Files {
		s.Files[i] = r.list.recorded(s.Files[i])
	}
	s.Names = r.list.recorded(s.Names)
	listed := s.Kind == store.LabelsByList || s.Kind == store.LabelsByMetadata || s.Kind == store.LabelsBySample
	if !listed && (s.PathColumn != "" || s.LabelColumn != "" || s.SplitColumn != "" || s.GroupColumn != "" || s.Separator != "" || s.First) {
		return ErrListOnly
	}
	return nil
}

// recorded is the name of a file as a LabelSource has it. Names that the caller gives are
// absolute.
func (l *listing) recorded(name string) string {
	if !filepath.IsAbs(name) {
		return name
	}
	if inside, ok := l.inArchive(name); ok {
		return inside
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return name
	}
	if rel, err := filepath.Rel(l.root, real); err == nil && within(real, l.root) {
		return filepath.ToSlash(rel)
	}
	return name
}

// located is the inverse of recorded.
func (l *listing) located(name string) string {
	if filepath.IsAbs(name) || name == "-" {
		return name
	}
	return filepath.Join(l.root, filepath.FromSlash(name))
}

// labelByName takes labels from the names of files, without their extension. A pattern with
// a slash is applied to the whole path.
func (r *run) labelByName() error {
	pattern, err := regexp.Compile(r.source.Pattern)
	if err != nil {
		return fmt.Errorf("pattern of labels: %w", err)
	}
	group := pattern.SubexpIndex("label")
	if group < 0 {
		return fmt.Errorf("pattern of labels %q has no group that is named label: (?<label>…)", r.source.Pattern)
	}
	whole := OnPath(r.source.Pattern)
	table := newLabelTable()
	r.list.files, r.list.unlabelled = nil, nil
	for _, f := range r.list.all {
		name := f.path
		if !whole {
			name = name[strings.LastIndexByte(name, '/')+1:]
		}
		match := pattern.FindStringSubmatch(norm.NFC.String(stem(name)))
		if match == nil || strings.TrimSpace(match[group]) == "" {
			if namedAsPhoto(f.path) {
				example(&r.report.Labelling.Unlisted, &r.report.Labelling.UnlistedPaths, f.path)
			}
			continue
		}
		f.label = table.intern(strings.TrimSpace(match[group]))
		r.list.files = append(r.list.files, f)
	}
	if len(r.list.files) == 0 && r.report.Labelling.Unlisted > 0 {
		first := r.report.Labelling.UnlistedPaths[0]
		if whole {
			return fmt.Errorf("%w: pattern %q fits none of %d paths without extension, such as %q", ErrLabelsDoNotFit, r.source.Pattern,
				r.report.Labelling.Unlisted, stem(first))
		}
		return fmt.Errorf("%w: pattern %q fits none of %d names without extension, such as %q", ErrLabelsDoNotFit, r.source.Pattern,
			r.report.Labelling.Unlisted, stem(first[strings.LastIndexByte(first, '/')+1:]))
	}
	r.list.labelsOfFiles()
	return nil
}

// OnPath tells whether a pattern of labels is applied to a file's path under the folder,
// rather than to its name: that is so if it has a slash.
func OnPath(pattern string) bool { return strings.Contains(pattern, "/") }

// stem is a name without the extension of a photo.
func stem(name string) string {
	if namedAsPhoto(name) {
		return name[:strings.LastIndexByte(name, '.')]
	}
	return name
}

// labelsOfFiles notes which labels there are.
func (l *listing) labelsOfFiles() {
	l.labels = map[string]struct{}{}
	for _, f := range l.files {
		l.labels[f.label] = struct{}{}
	}
}

// openList opens a list of labels.
func (r *run) openList(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" && r.opt.LabelInput == nil {
		return nil, ErrNotRecorded
	}
	f, err := r.list.openList(ctx, name, r.opt.LabelInput)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoList, r.list.located(name), err)
	}
	return f, nil
}

// columnsOf is what package annotation is asked for.
func columnsOf(s store.LabelSource) annotation.Options {
	return annotation.Options{PathColumn: s.PathColumn, LabelColumn: s.LabelColumn, SplitColumn: s.SplitColumn, GroupColumn: s.GroupColumn}
}
