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
func ReadList(r io.Reader) ([]Entry, error) {
	lines := &lineReader{r: r, left: mostLine}
	in := bufio.NewReader(lines)
	separator, err := beginList(in)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(in)
	rows.Comma, rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = separator, -1, separator == '\t', true
	var entries []Entry
	pathAt, splitAt, first, room := 0, 1, true, mostPaths
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
			if p, s := column(row, pathColumns), column(row, splitColumns); p >= 0 && s >= 0 {
				pathAt, splitAt = p, s
				continue
			}
		}
		line, _ := rows.FieldPos(0)
		e, err := entry(row, pathAt, splitAt, line)
		if err != nil {
			return nil, err
		}
		if room -= len(e.Path) + entrySize; room < 0 {
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

func entry(row []string, pathAt, splitAt, line int) (Entry, error) {
	if len(row) <= max(pathAt, splitAt) {
		return Entry{}, fmt.Errorf("%w: line %d has no split: want path,split", ErrList, line)
	}
	e := Entry{Path: strings.Clone(strings.TrimSpace(row[pathAt])), Line: line} // not a piece of the whole line
	if e.Path == "" {
		return e, fmt.Errorf("%w: line %d has no path", ErrList, line)
	}
	if len(e.Path) > mostPath {
		return e, fmt.Errorf("%w: line %d has a path of %d bytes", ErrList, line, len(e.Path))
	}
	var ok bool
	if e.Split, ok = Spelling(row[splitAt]); !ok {
		return e, fmt.Errorf("%w: line %d: unknown split %.60q: want training, validation or testing", ErrList, line, row[splitAt])
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
