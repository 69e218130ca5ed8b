package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A table is a CSV of vectors, with a header.
type table struct {
	file *os.File
	columns
	width  int // columns of the header
	vector []float32
}

// openTable opens a CSV. It takes the file over.
func (s *Source) openTable(f *os.File) error {
	t := &table{file: f}
	s.reader, s.Format = t, CSV
	rows, _, err := t.begin()
	if err != nil {
		return err
	}
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("%w: it is neither an array nor a table: %w", ErrSource, plainEnd(err))
	}
	header = slices.Clone(header)
	if t.columns, err = findColumns(header, &s.opt); err != nil {
		return err
	}
	t.width, s.Dim = len(header), len(t.features)
	s.Unused = t.unused(header)
	return nil
}

// plainEnd says in words that a file ended.
func plainEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it has no lines")
	}
	return err
}

// begin begins with the header.
func (t *table) begin() (*csv.Reader, *lineReader, error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, withoutPath(err)
	}
	limit := &lineReader{r: t.file, left: mostLine}
	rows, err := newTable(bufio.NewReaderSize(limit, 1<<16))
	return rows, limit, err
}

// newTable makes a reader of what the first line separates with tabs, semicolons or commas.
func newTable(in *bufio.Reader) (*csv.Reader, error) {
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
	}
	start, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if i := bytes.IndexByte(start, '\n'); i >= 0 {
		start = start[:i]
	}
	rows := csv.NewReader(in)
	rows.FieldsPerRecord, rows.ReuseRecord = -1, true
	for _, c := range ",;\t" {
		if bytes.ContainsRune(start, c) {
			rows.Comma, rows.LazyQuotes = c, c == '\t'
			break
		}
	}
	return rows, nil
}

func (t *table) close() error { return t.file.Close() }

func (t *table) each(_ context.Context, vectors bool, fn func(*Row) error) error {
	rows, limit, err := t.begin()
	if err != nil {
		return err
	}
	if _, err := rows.Read(); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, plainEnd(err))
	}
	if t.vector == nil {
		t.vector = make([]float32, len(t.features))
	}
	for i := 0; ; i++ {
		limit.left = mostLine
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSource, withoutPath(err))
		}
		r := Row{Number: i}
		line, _ := rows.FieldPos(0)
		if err := t.read(&r, cells, line, vectors); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
}

// read makes a row of a line's cells.
func (t *table) read(r *Row, cells []string, line int, vectors bool) error {
	cell := func(at int) string {
		if at < 0 || at >= len(cells) {
			return ""
		}
		return cells[at]
	}
	if view := strings.TrimSpace(cell(t.view)); view != "" && view != "0" {
		return ErrViews
	}
	r.describe(cell(t.path), cell(t.label), cell(t.split), cell(t.digest))
	if copies := cell(t.copies); copies != "" {
		if err := json.Unmarshal([]byte(copies), &r.Copies); err != nil && r.Problem == "" {
			r.Problem = fmt.Sprintf("line %d: its copies are no JSON list", line)
		}
	}
	if len(cells) != t.width {
		r.Problem = fmt.Sprintf("line %d has %d columns, the header %d", line, len(cells), t.width)
	}
	if !vectors || r.Problem != "" {
		return nil
	}
	for i, at := range t.features {
		v, err := parseFloat(cells[at])
		if err != nil {
			r.Problem = fmt.Sprintf("line %d: feature %d is %.40q, which is no number", line, i, cells[at])
			return nil
		}
		t.vector[i] = v
	}
	r.Vector = t.vector
	return nil
}

// parseFloat reads a decimal number. One that is too large is infinite, which the caller finds.
func parseFloat(text string) (float32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 32)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return float32(v), err
}

// A lineReader fails on a line that is too long.
type lineReader struct {
	r    io.Reader
	left int // bytes that may be read before the next line
}

func (l *lineReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: a line of more than %d bytes", ErrSource, mostLine)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
