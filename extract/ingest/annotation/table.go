package annotation

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// table reads a CSV, TSV or the like. The first line names the columns, unless it has the
// name of a picture: then the first two are path and label.
func (l *list) table() error {
	l.info.Format = FormatTable
	separator := findSeparator(l.in)
	rows := csv.NewReader(l.in)
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = separator, -1, true
	rows.LazyQuotes, rows.TrimLeadingSpace = separator == '\t', separator != '\t'
	t := tableReader{list: l, rows: rows}
	first, err := t.next()
	if errors.Is(err, io.EOF) {
		return nil // without a row
	}
	if err != nil {
		return err
	}
	header := make([]string, len(first))
	for i, cell := range first {
		header[i] = strings.Clone(cell)
	}
	headless := false
	for _, cell := range header {
		headless = headless || likePicture(cell)
	}
	if headless {
		return t.headless(header)
	}
	return t.headed(header)
}

// findSeparator finds what separates columns: what is in the first line most often, outside
// of quotes.
func findSeparator(in *bufio.Reader) rune {
	start, _ := in.Peek(ahead)
	line, _, _ := bytes.Cut(start, []byte("\n"))
	var counts [128]int
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if c < 128 && !quoted {
			counts[c]++
		}
	}
	best := ','
	for _, c := range ";\t" {
		if counts[c] > counts[best] {
			best = c
		}
	}
	if counts[best] == 0 && counts['|'] > 0 {
		return '|'
	}
	if counts[best] == 0 && counts[' '] > 0 {
		return ' '
	}
	return best
}

// A tableReader reads lines of a table.
type tableReader struct {
	*list
	rows *csv.Reader
	at   columns
}

func (t *tableReader) next() ([]string, error) {
	t.list.rows.begin()
	row, err := t.rows.Read()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	return row, err
}

// headless reads a table without a header, of which first is the first line.
func (t *tableReader) headless(first []string) error {
	numbers := make([]string, len(first))
	for i := range numbers {
		numbers[i] = strconv.Itoa(i + 1)
	}
	var err error
	if t.at, err = findColumns(numbers, t.opt); err != nil {
		return err
	}
	for i, cell := range first {
		if t.at.path < 0 && likePicture(cell) {
			t.at.path = i
		}
	}
	for _, i := range t.at.rest(numbers) {
		if t.at.label < 0 {
			t.at.label = i
		}
	}
	if err := t.at.complete(first); err != nil {
		return err
	}
	t.reads(numbers, t.at)
	if err := t.row(first, 1); err != nil {
		return err
	}
	return t.rest(t.row)
}

// headed reads the lines below a header.
func (t *tableReader) headed(header []string) (err error) {
	if t.at, err = findColumns(header, t.opt); err != nil {
		return err
	}
	if t.at.path >= 0 && t.at.label < 0 {
		done, err := t.indicators(header)
		if done || err != nil {
			return err
		}
	}
	if err := t.at.complete(header); err != nil {
		return err
	}
	t.reads(header, t.at)
	if t.opt.SplitColumn == "" {
		t.info.SplitColumns = splitColumns(header, t.at)
	}
	return t.rest(t.row)
}

// rest calls do with the lines that follow.
func (t *tableReader) rest(do func(row []string, line int) error) error {
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := t.rows.FieldPos(0)
		if err := do(row, line); err != nil {
			return err
		}
	}
}

func (t *tableReader) row(row []string, line int) error {
	if len(row) <= t.at.last() {
		return fmt.Errorf("%w: line %d has only %d columns", ErrList, line, len(row))
	}
	return t.give(Row{Path: row[t.at.path], Label: row[t.at.label], Split: cellAt(row, t.at.split), Group: cellAt(row, t.at.group), Line: line})
}

func cellAt(row []string, at int) string {
	if at < 0 || at >= len(row) {
		return ""
	}
	return row[at]
}

// indicators reads a table with a column for each label, if the first line below the header
// says that it is one: all its other cells are 0 or 1. It returns false if not.
func (t *tableReader) indicators(header []string) (bool, error) {
	of := t.at.rest(header)
	first, err := t.next()
	if errors.Is(err, io.EOF) || len(of) < 2 {
		return false, t.at.complete(header)
	}
	if err != nil {
		return true, err
	}
	for _, i := range of {
		if _, ok := indicator(cellAt(first, i)); !ok {
			return false, nil
		}
	}
	t.reads(header, t.at)
	t.info.Indicator = true
	line, _ := t.rows.FieldPos(0)
	do := func(row []string, line int) error { return t.indicated(header, of, row, line) }
	if err := do(first, line); err != nil {
		return true, err
	}
	return true, t.rest(do)
}

// indicated gives a row for each label that a line indicates.
func (t *tableReader) indicated(header []string, of []int, row []string, line int) error {
	if len(row) <= t.at.path {
		return fmt.Errorf("%w: line %d has only %d columns", ErrList, line, len(row))
	}
	r := Row{Path: row[t.at.path], Split: cellAt(row, t.at.split), Group: cellAt(row, t.at.group), Line: line}
	none := true
	for _, i := range of {
		yes, ok := indicator(cellAt(row, i))
		if !ok {
			return fmt.Errorf("%w: line %d has %.60q in column %.60q, where the others have 0 or 1", ErrList, line, cellAt(row, i), header[i])
		}
		if !yes {
			continue
		}
		none = false
		r.Label = strings.TrimSpace(header[i])
		if err := t.give(r); err != nil {
			return err
		}
	}
	if none {
		return t.give(r)
	}
	return nil
}

// indicator reads 0 or 1, as integer or with decimals.
func indicator(cell string) (yes, ok bool) {
	switch strings.TrimSpace(cell) {
	case "1", "1.0", "True", "true", "TRUE":
		return true, true
	case "0", "0.0", "False", "false", "FALSE":
		return false, true
	}
	return false, false
}
