package split

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An Entry is one line of a list of splits: the split that a photo is to be in.
type Entry struct {
	Path  string // as written
	Split Split
	Line  int // from 1

	Group   string // only by ReadGroups; empty for none
	NoSplit bool   // only by ReadGroups: the line does not say the split
}

// Names of the columns of a list, in lower case.
var (
	pathColumns  = []string{"path", "file", "filename", "file_name", "image", "image_path", "filepath"}
	splitColumns = []string{"split", "set", "subset", "partition", "fold"}
)

// Limits of a list: lines with some thousand features of a photo, and some million
// photos. Anything larger is refused before it is read to its end.
const (
	mostLine  = 8 << 20   // bytes
	mostPath  = 64 << 10  // bytes
	mostPaths = 256 << 20 // bytes of all paths, with what is kept beside each
	entrySize = 64
)

// ErrList: a file is not a list of splits.
var ErrList = errors.New("not a list of splits")

// ReadList reads a list of splits: CSV with two columns, the path of a photo and the
// split it belongs to in any of its usual spellings. A header that names the columns
// (path, split) may put them anywhere among others; without one they are the first
// two. Commas, semicolons and tabs separate columns: the first of these that is in
// the first line. Lines that cannot be understood are errors: none is left out.
func ReadList(r io.Reader) ([]Entry, error) { return readList(r, "") }

// ReadGroups reads a list of groups: CSV as in ReadList, with a header that names the
// path and the column of the groups' names, in upper or lower case. It may have splits,
// and they may be empty.
func ReadGroups(r io.Reader, column string) ([]Entry, error) {
	if strings.TrimSpace(column) == "" {
		return nil, fmt.Errorf("%w: the column of the groups has no name", ErrList)
	}
	return readList(r, column)
}

// readList reads a list, with the groups in a column unless its name is empty.
func readList(r io.Reader, group string) ([]Entry, error) {
	lines := &lineReader{r: r, left: mostLine}
	in := bufio.NewReader(lines)
	separator, err := beginList(in)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(in)
	rows.Comma, rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = separator, -1, separator == '\t', true
	var entries []Entry
	at := columns{path: 0, split: 1, group: -1}
	first, room := true, mostPaths
	for {
		lines.left = mostLine
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrList, err)
		}
		if first {
			first = false
			header, err := at.readHeader(row, group)
			if err != nil {
				return nil, err
			}
			if header {
				continue
			}
		}
		line, _ := rows.FieldPos(0)
		e, err := at.entry(row, line)
		if err != nil {
			return nil, err
		}
		if room -= len(e.Path) + len(e.Group) + entrySize; room < 0 {
			return nil, fmt.Errorf("%w: more than %d lines", ErrList, len(entries))
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: it has no lines", ErrList)
	}
	return entries, nil
}

// A lineReader fails on a line that is too long.
type lineReader struct {
	r    io.Reader
	left int // bytes that may be read before the next line
}

func (l *lineReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a line of more than %d bytes", mostLine)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// beginList skips the mark that some programs put before UTF-8, and finds the
// separator in the first line.
func beginList(in *bufio.Reader) (rune, error) {
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		in.Discard(3)
	}
	start, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if i := bytes.IndexByte(start, '\n'); i >= 0 {
		start = start[:i]
	}
	for _, c := range ",;\t" {
		if bytes.ContainsRune(start, c) {
			return c, nil
		}
	}
	return ',', nil
}

// columns says where in a line its parts are; −1 for none.
type columns struct{ path, split, group int }

// readHeader finds the columns by the names in the first line. It tells whether that is a
// header.
func (c *columns) readHeader(row []string, group string) (bool, error) {
	path, split := column(row, pathColumns), column(row, splitColumns)
	if group == "" {
		if path < 0 || split < 0 {
			return false, nil
		}
		c.path, c.split = path, split
		return true, nil
	}
	at := column(row, []string{strings.TrimSpace(group)})
	switch {
	case at < 0:
		return false, fmt.Errorf("%w: no column %q in its first line: %.200q", ErrList, group, row)
	case path < 0:
		return false, fmt.Errorf("%w: no column for the path in its first line: %.200q: want one of %s", ErrList, row, strings.Join(pathColumns, ", "))
	case path == at:
		return false, fmt.Errorf("%w: column %q has the paths", ErrList, group)
	}
	if split == at {
		split = -1
	}
	*c = columns{path, split, at}
	return true, nil
}

func (c *columns) entry(row []string, line int) (Entry, error) {
	if len(row) <= max(c.path, c.group) || c.group < 0 && len(row) <= c.split {
		what := "split: want path,split"
		if c.group >= 0 {
			what = "group"
		}
		return Entry{}, fmt.Errorf("%w: line %d has no %s", ErrList, line, what)
	}
	e := Entry{Path: strings.Clone(strings.TrimSpace(row[c.path])), Line: line} // not a piece of the whole line
	if e.Path == "" {
		return e, fmt.Errorf("%w: line %d has no path", ErrList, line)
	}
	if len(e.Path) > mostPath {
		return e, fmt.Errorf("%w: line %d has a path of %d bytes", ErrList, line, len(e.Path))
	}
	if c.group >= 0 {
		e.Group = strings.Clone(strings.TrimSpace(row[c.group]))
		if len(e.Group) > mostPath {
			return e, fmt.Errorf("%w: line %d has a group of %d bytes", ErrList, line, len(e.Group))
		}
		if c.split < 0 || c.split >= len(row) || strings.TrimSpace(row[c.split]) == "" {
			e.NoSplit = true
			return e, nil
		}
	}
	var ok bool
	if e.Split, ok = Spelling(row[c.split]); !ok {
		return e, fmt.Errorf("%w: line %d: unknown split %.60q: want training, validation or testing", ErrList, line, row[c.split])
	}
	return e, nil
}

// column returns the index of the first cell that is one of the names, -1 if none is.
func column(row, names []string) int {
	for _, name := range names {
		for i, cell := range row {
			if strings.EqualFold(strings.TrimSpace(cell), name) {
				return i
			}
		}
	}
	return -1
}
