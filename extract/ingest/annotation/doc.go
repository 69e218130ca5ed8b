// Package annotation reads the lists by which people and labelling tools say what photos
// show: tables (CSV, TSV and the like), records of JSON (a line each, as Hugging Face's
// metadata.jsonl, or an array), and the exports of COCO, CVAT and Label Studio. The format
// follows from the bytes, not from the file's name.
//
// Read calls a function with each row, one label of one photo. Tables, records and CVAT's
// XML are streamed: memory does not grow with their length. COCO's JSON names labels apart
// from photos, in any order, so a bounded part of it is held.
//
// Whatever the bytes are, reading ends in rows or in an error, in bounded memory: no row may
// be longer than some megabytes, and what is held has a limit. Nothing is left out in
// silence: a row that cannot be understood is an error that names its line.
//
// Labels of photos as wholes are read. Boxes and outlines of things are not labels of
// photos, except in COCO, where a thing's category is taken for a label of its photo.
package annotation

import (
	"errors"
	"fmt"
	"strings"
)

// A Row is one label of one photo. A photo may have several rows, or one without a label.
type Row struct {
	Path  string // as written, or an identifier of the photo
	Other string // another way to write the path: before a labelling tool renamed the file
	Label string // as written; empty for none
	Split string // as written; only with Options.SplitColumn
	Group string // only with Options.GroupColumn
	Line  int    // of a table, or number of the photo or record, from 1
}

// Options say which columns of a table, or fields of records, to read.
type Options struct {
	PathColumn, LabelColumn, SplitColumn, GroupColumn string // empty: guessed, or none for splits and groups
}

// Formats of lists, for people.
const (
	FormatTable       = "table"
	FormatRecords     = "JSON records"
	FormatCOCO        = "COCO"
	FormatCVAT        = "CVAT"
	FormatLabelStudio = "Label Studio"
)

// An Info says how a list was understood.
type Info struct {
	Format string // see above
	Rows   int    // labels read, or photos without one

	// The columns or fields that were read; empty where there are none. A table without a
	// header has numbers.
	PathColumn, LabelColumn, SplitColumn, GroupColumn string

	// Indicator tells that each label has a column of its own, with 1 where it holds. Their
	// names are the labels.
	Indicator bool
	// SplitColumns are columns named as if they said splits, when Options has none.
	SplitColumns []string
}

// ErrList: the bytes are not a list of labels that can be read.
var ErrList = errors.New("not a list of labels")

// ErrNames: a file does not name labels.
var ErrNames = errors.New("not the names of these labels")

// What a ColumnError lacks.
const (
	PathColumn  = "path"
	LabelColumn = "label"
	SplitColumn = "split"
	GroupColumn = "group"
)

// A ColumnError is a list without a column that is needed. It wraps ErrList.
type ColumnError struct {
	Lacks   string   // PathColumn …
	Asked   string   // the name asked for; empty if it was to be guessed
	Columns []string // what the list has
}

func (e *ColumnError) Error() string {
	names := make([]string, 0, len(e.Columns))
	for i, c := range e.Columns {
		if i == 20 {
			names = append(names, fmt.Sprintf("and %d more", len(e.Columns)-i))
			break
		}
		names = append(names, fmt.Sprintf("%.60q", c))
	}
	columns := strings.Join(names, ", ")
	if e.Asked != "" {
		return fmt.Sprintf("it has no column %q for the %s: its columns are %s", e.Asked, e.Lacks, columns)
	}
	return fmt.Sprintf("which of its columns is the %s? It has %s", e.Lacks, columns)
}

func (e *ColumnError) Unwrap() error { return ErrList }
