package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/extract/ingest"
	"featstore/extract/ingest/annotation"
	"featstore/extract/userfile"
	"featstore/store"
)

// labelsFromFolders is the value of --labels that goes back to names of folders.
const labelsFromFolders = "folders"

// labelHelp is what the help of ingest says about labels that folders do not give.
const labelHelp = `Labels may also come from elsewhere; the folder may then be flat, and is looked through to
any depth. --labels LIST reads a list: CSV or TSV with a header, JSON Lines (metadata.jsonl of
Hugging Face) or an array of records, or the export of COCO, CVAT (tags of images) or Label
Studio (choices). --path-column and --label-column name the columns where their usual names
are missing; what was read is said. Paths may be relative to the list or the folder, absolute, the
end of a path, or identifiers without folder and extension. Rows without a photo, and photos
without a row, are counted and named; photos without a label are left out. --split-column also
takes the splits from the list, --group-column puts photos of one group into one split. Several
lists are read with several --labels. A photo has one label: a list that gives some photos
several (in several rows, or in one cell, with what --label-separator says between) is refused, unless
--first-label takes the first. Labels that differ only in case or blanks are named, and made
one by --merge-labels.

--label-from PATTERN takes labels from names of files without their extension: the group
named label of a regular expression, '(?<label>.+)_\d+' for Abyssinian_12.jpg. A pattern
with a slash is applied to the path under FOLDER. --label-names FILE gives labels that are codes
other names: lines of code and name, or JSON. In an archive, or a folder of archives, that is a
WebDataset, key.cls, key.json or key.txt says the label of key.jpg; --label-column names the extension, or a field of the JSON.
A new folder with Hugging Face's metadata.csv or
metadata.jsonl, or of ImageNet's n01440764 with LOC_synset_mapping.txt, is recognised, and that is said.
What gave the labels is remembered: without flags, the next ingest reads the same list again.
--labels folders goes back to names of folders.

--unlabelled keeps the photos of a folder that have no labels yet, with their vectors: they are in
no split, so nothing trains on them or tests with them, and stats counts them apart. A photo that
gets a label in another folder, or by --labels, is used from then on; nothing is computed again.`

// labelFlags are the flags of ingest about what gives photos their labels.
type labelFlags struct {
	lists []string
	from  string
	none  bool
	set   store.LabelSource // what the other flags say
	flags *pflag.FlagSet
}

func (f *labelFlags) register(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.flags.StringArrayVar(&f.lists, "labels", nil, "list of labels: CSV, TSV, JSON, COCO, CVAT, Label Studio; - reads standard input; folders: names of folders")
	f.flags.BoolVar(&f.none, "unlabelled", false, "keep the photos of the folder without labels, in no split")
	f.flags.StringVar(&f.from, "label-from", "", `regular expression that finds the label in names of files: '(?<label>.+)_\d+'`)
	f.flags.StringVar(&f.set.Names, "label-names", "", "file that names labels which are codes, such as LOC_synset_mapping.txt")
	f.flags.StringVar(&f.set.PathColumn, "path-column", "", "column of the list that has the photos: its name or number")
	f.flags.StringVar(&f.set.LabelColumn, "label-column", "", "column of the list that has the labels; in Label Studio's export, the question")
	f.flags.StringVar(&f.set.SplitColumn, "split-column", "", "column of the list that has the splits")
	f.flags.StringVar(&f.set.GroupColumn, "group-column", "", "column of the list that names groups, each of which goes into one split")
	f.flags.StringVar(&f.set.Separator, "label-separator", "", "what stands between several labels in a cell, or none (default: guessed)")
	f.flags.BoolVar(&f.set.First, "first-label", false, "take the first of several labels of a photo")
	f.flags.BoolVar(&f.set.Merge, "merge-labels", false, "make labels one that differ only in case or blanks")
	for _, name := range []string{"path-column", "label-column", "split-column", "group-column"} {
		_ = cmd.RegisterFlagCompletionFunc(name, f.completeColumn) // it fails only for a second one
	}
}

// completeColumn offers the columns of the lists that are named before.
func (f *labelFlags) completeColumn(_ *cobra.Command, _ []string, typed string) (names []string, _ cobra.ShellCompDirective) {
	for _, list := range f.lists {
		in, err := userfile.Open(list)
		if err != nil {
			continue
		}
		_, err = annotation.Read(in, annotation.Options{PathColumn: "\x00"}, func(annotation.Row) error { return errEnough })
		in.Close()
		var columns *annotation.ColumnError
		if !errors.As(err, &columns) {
			continue
		}
		for _, c := range columns.Columns {
			if strings.HasPrefix(c, typed) && printable(c) == c && !slices.Contains(names, c) {
				names = append(names, c)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// apply makes options of the flags.
func (f *labelFlags) apply(a *app, opt *ingest.Options) error {
	if f.flags.Changed("labels") && f.flags.Changed("label-from") {
		return usagef("--labels and --label-from both say what gives the labels: give one of them")
	}
	if f.none {
		for _, name := range []string{"labels", "label-from", "label-names", "path-column", "label-column", "split-column", "group-column",
			"label-separator", "first-label", "merge-labels", "split-folders", "split-file"} {
			if f.flags.Changed(name) {
				return usagef("--unlabelled and --%s: photos without labels are in no split", name)
			}
		}
		opt.Labels = &store.LabelSource{Kind: store.LabelsNone}
		return nil
	}
	if f.flags.Changed("label-from") {
		if err := checkLabelPattern(f.from); err != nil {
			return err
		}
		opt.Labels = &store.LabelSource{Kind: store.LabelsByName, Pattern: f.from}
	}
	if f.flags.Changed("labels") {
		source, err := listSource(f.lists)
		if err != nil {
			return err
		}
		opt.Labels = source
	}
	if f.set.Names != "" {
		abs, err := filepath.Abs(f.set.Names)
		if err != nil {
			return err
		}
		f.set.Names = abs
	}
	if slices.Contains(f.lists, "-") {
		opt.LabelInput = a.In
	}
	opt.ChangeLabels = f.change
	return nil
}

// listSource is the source that --labels asks for.
func listSource(lists []string) (*store.LabelSource, error) {
	if slices.Contains(lists, labelsFromFolders) {
		if len(lists) > 1 {
			return nil, usagef("--labels folders goes without other lists; a file of that name is ./folders")
		}
		return &store.LabelSource{}, nil
	}
	source := &store.LabelSource{Kind: store.LabelsByList}
	for _, name := range lists {
		if strings.TrimSpace(name) == "" {
			return nil, usagef("--labels %q: want a file", name)
		}
		if name != "-" {
			abs, err := filepath.Abs(name)
			if err != nil {
				return nil, err
			}
			name = abs
		}
		if slices.Contains(source.Files, name) {
			return nil, usagef("--labels %s is given twice", name)
		}
		source.Files = append(source.Files, name)
	}
	return source, nil
}

func checkLabelPattern(pattern string) error {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return usagef("--label-from: %v", err)
	}
	if r.SubexpIndex("label") < 0 {
		return usagef("--label-from %q: want a group that is named label: (?<label>…)", pattern)
	}
	return nil
}

// change makes what the flags say of a source that may come from the store.
func (f *labelFlags) change(s *store.LabelSource) {
	for name, field := range map[string][2]*string{
		"label-names": {&f.set.Names, &s.Names}, "path-column": {&f.set.PathColumn, &s.PathColumn},
		"label-column": {&f.set.LabelColumn, &s.LabelColumn}, "split-column": {&f.set.SplitColumn, &s.SplitColumn},
		"group-column": {&f.set.GroupColumn, &s.GroupColumn}, "label-separator": {&f.set.Separator, &s.Separator},
	} {
		if f.flags.Changed(name) {
			*field[1] = *field[0]
		}
	}
	if f.flags.Changed("first-label") {
		s.First = f.set.First
	}
	if f.flags.Changed("merge-labels") {
		s.Merge = f.set.Merge
	}
}

// labelsEvent tells what gave the labels, before anything is computed.
type labelsEvent struct {
	Event string `json:"event"`
	*ingest.Labelling
}

// tellLabels says what gave the labels, and what did not fit.
func (a *app) tellLabels(l *ingest.Labelling) {
	if a.json {
		_ = a.emit(labelsEvent{"labels", l})
		return
	}
	for _, list := range l.Lists {
		a.say("%s", describeList(list, l.Recognised))
		if len(list.SplitColumns) > 0 && list.SplitColumn == "" {
			a.say("its column %q looks like splits, and was not read: --split-column %s", list.SplitColumns[0], shellWord(list.SplitColumns[0]))
		}
	}
	if text := describeSource(l.Source); text != "" && len(l.Lists) == 0 {
		a.say("labels: %s%s", text, recognised(l.Recognised))
	}
	if l.Synsets {
		a.say("the labels are ids of ImageNet: --label-names LOC_synset_mapping.txt names them")
	}
	a.warnLabels(l)
}

func recognised(found bool) string {
	if found {
		return ", recognised; --labels folders takes names of folders"
	}
	return ""
}

// describeList says how a list was read.
func describeList(l ingest.LabelList, found bool) string {
	text := fmt.Sprintf("labels: %s, %s, %s", l.File, l.Format, count(l.Rows, "row"))
	if l.Format == annotation.FormatTable || l.Format == annotation.FormatRecords || l.Format == annotation.FormatLabelStudio {
		label := fmt.Sprintf("label in %q", l.LabelColumn)
		if l.LabelColumn == "" {
			label = "a column for each label"
		}
		text += fmt.Sprintf(": photo in %q, %s", l.PathColumn, label)
	}
	if l.Format == ingest.FormatWebDataset {
		text += fmt.Sprintf(": label in %q", l.LabelColumn)
	}
	for _, more := range [][2]string{{"split", l.SplitColumn}, {"group", l.GroupColumn}} {
		if more[1] != "" {
			text += fmt.Sprintf(", %s in %q", more[0], more[1])
		}
	}
	return text + recognised(found)
}

// describeSource says what gives labels, in a few words; empty for names of folders.
func describeSource(s store.LabelSource) string {
	text := ""
	switch s.Kind {
	case store.LabelsByList:
		text = "by " + strings.Join(s.Files, ", ")
	case store.LabelsNone:
		text = "none"
	case store.LabelsBySample:
		text = "by files beside the photos"
	case store.LabelsByMetadata:
		text = "by metadata in the folder"
	case store.LabelsByName:
		where := "names of files"
		if ingest.OnPath(s.Pattern) {
			where = "paths"
		}
		text = fmt.Sprintf("from %s, by %s", where, s.Pattern)
	}
	var more []string
	if s.Names != "" {
		more = append(more, "named by "+s.Names)
	}
	if s.Merge {
		more = append(more, "merged if they differ only in case or blanks")
	}
	if text == "" && len(more) > 0 {
		text = "names of folders"
	}
	return strings.Join(slices.DeleteFunc(append([]string{text}, more...), func(s string) bool { return s == "" }), ", ")
}

// warnLabels warns of what did not fit.
func (a *app) warnLabels(l *ingest.Labelling) {
	warnSome(a, count(l.Missing, "photo")+" of the list "+plural(l.Missing, "is", "are")+" not in the folder", l.MissingPaths, itself, l.Missing)
	what := "not in the list"
	if l.Source.Kind == store.LabelsByName {
		what = "not of the pattern"
	}
	warnSome(a, count(l.Unlisted, "photo")+" "+what+", left out", l.UnlistedPaths, itself, l.Unlisted)
	warnSome(a, count(l.Blank, "photo")+" without a label in the list, left out", l.BlankPaths, itself, l.Blank)
	warnSome(a, count(l.Several, "photo")+plural(l.Several, " has", " have")+" several labels, the first was taken", l.SeveralPaths, itself, l.Several)
	warnList(a, "labels without a name", l.Unnamed, itself)
	if len(l.Alike) > 0 {
		what := "labels that differ only in case or blanks"
		if l.Source.Merge {
			what += ", made one"
		}
		warnList(a, what, l.Alike, func(names []string) string { return fmt.Sprintf("%q", names) })
		if !l.Source.Merge {
			a.hint("--merge-labels makes them one")
		}
	}
}

// labelAdvice adds what can be done about labels that cannot be read or do not fit.
func labelAdvice(err error) error {
	var column *annotation.ColumnError
	var several *ingest.SeveralLabelsError
	switch {
	case errors.As(err, &column):
		return hint(err, "--%s-column NAME says which it is", column.Lacks)
	case errors.As(err, &several):
		return hint(err, "a photo has one label here: --first-label takes the first; where they are one, --label-separator none")
	case errors.Is(err, ingest.ErrNoList):
		return hint(err, "--labels LIST says where it is, --label-names FILE where the names are; --labels folders takes names of folders as labels")
	case errors.Is(err, ingest.ErrNotRecorded):
		return hint(err, "pipe it in again with --labels -, or give --labels LIST")
	case errors.Is(err, ingest.ErrLabelsDoNotFit):
		return hint(err, "paths of a list are relative to it or to the folder, or absolute; a pattern fits parts of names: --label-from '(?<label>.+)_'")
	case errors.Is(err, ingest.ErrAmbiguous):
		return hint(err, "write paths relative to the folder, or give the folder that has one of them")
	case errors.Is(err, ingest.ErrListOnly):
		return hint(err, "columns, --first-label and --label-separator go with --labels LIST")
	case errors.Is(err, annotation.ErrNames):
		return hint(err, "--label-names FILE has a line of code and name for each label, or is JSON of names by code")
	case errors.Is(err, annotation.ErrList):
		return hint(err, "a list is CSV or TSV with a header, JSON Lines, or the export of COCO, CVAT or Label Studio")
	}
	return err
}
