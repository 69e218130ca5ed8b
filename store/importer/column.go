package importer

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Limits of what is read beside the vectors.
const (
	mostLine   = 16 << 20 // bytes of a line
	mostExport = 64 << 20 // bytes of export.json
	mostNames  = 1 << 20  // names of labels
)

// exportName is the file in an export that says what all rows have in common.
const exportName = "export.json"

// A column is a file with a value for each row: an array, a table's column, or lines.
type column struct {
	name  string // of the file
	file  *os.File
	array *array   // if it is one
	usual []string // names of a table's column
	names []string // of values that are numbers; nil for none
	lines *bufio.Reader
	table *csv.Reader // if it is one
	limit *lineReader
	at    int // the column of the table
}

// openColumn opens a file of values. The names of a table's column come surest first.
func openColumn(opt *Options, path string, usual []string) (*column, error) {
	f, err := opt.open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	c := &column{name: filepath.Base(path), file: f, usual: usual}
	head := make([]byte, len(npyMagic))
	if n, _ := f.ReadAt(head, 0); string(head[:n]) == npyMagic {
		if c.array, err = openNPY(f); err != nil {
			return nil, err
		}
		if c.array.width != 1 {
			return nil, errors.Join(fmt.Errorf("%w: its shape is %v: want one value a row", ErrSource, c.array.shape), f.Close())
		}
	}
	return c, nil
}

func (c *column) close() error { return c.file.Close() }

// named adds the file's name to an error.
func (c *column) named(err error) error {
	if err == nil || errors.Is(err, ErrViews) {
		return err
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// rewind begins with the first value.
func (c *column) rewind() error {
	if c.array != nil {
		return c.array.rewind()
	}
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return withoutPath(err)
	}
	c.limit = &lineReader{r: c.file, left: mostLine}
	c.lines = bufio.NewReader(c.limit)
	c.table = nil
	if strings.EqualFold(filepath.Ext(c.name), ".csv") || strings.EqualFold(filepath.Ext(c.name), ".tsv") {
		return c.beginTable()
	}
	if mark, _ := c.lines.Peek(3); string(mark) == "\ufeff" {
		_, err := c.lines.Discard(3)
		return err
	}
	return nil
}

// beginTable reads the header.
func (c *column) beginTable() error {
	var err error
	if c.table, err = newTable(c.lines); err != nil {
		return err
	}
	header, err := c.table.Read()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if c.at = guess(header, c.usual); c.at < 0 && len(header) == 1 {
		c.at = 0
	}
	if c.at < 0 {
		return fmt.Errorf("%w: none of the columns %.200q is called %s", ErrSource, header, c.usual[0])
	}
	return nil
}

// next returns the next value.
func (c *column) next() (text string, err error) {
	switch {
	case c.array != nil:
		if err = c.array.next(); err == nil {
			text, err = c.array.text()
		}
	case c.table != nil:
		text, err = c.cell()
	default:
		text, err = c.line()
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it has fewer values than there are rows of features", ErrSource)
	}
	if err == nil && c.names != nil {
		text, err = c.nameOf(text)
	}
	return text, err
}

func (c *column) cell() (string, error) {
	c.limit.left = mostLine
	row, err := c.table.Read()
	switch {
	case errors.Is(err, io.EOF):
		return "", io.EOF
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrSource, err)
	case c.at >= len(row):
		line, _ := c.table.FieldPos(0)
		return "", fmt.Errorf("%w: line %d has %d columns", ErrSource, line, len(row))
	}
	return row[c.at], nil
}

func (c *column) line() (string, error) {
	c.limit.left = mostLine
	text, err := c.lines.ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		return "", err
	}
	return strings.TrimRight(text, "\r\n"), nil
}

// nameOf is the name of a label that is a number.
func (c *column) nameOf(text string) (string, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n >= len(c.names) {
		return "", fmt.Errorf("%w: the label %.40q is no number from 0 to %d, which have names", ErrSource, text, len(c.names)-1)
	}
	return c.names[n], nil
}

// end reports whether there are values left, but for empty lines.
func (c *column) end(rows int) error {
	if c.array != nil {
		return nil // its header says how many there are
	}
	for {
		text, err := "", error(nil)
		if c.table != nil {
			text, err = c.cell()
		} else {
			text, err = c.line()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.TrimSpace(text) != "":
			return fmt.Errorf("%w: it has more values than there are rows of features, %d", ErrSource, rows)
		}
	}
}

// labelNames reads the names of labels that are numbers from 0: one each line, an array, or
// a JSON list.
func (s *Source) labelNames() (names []string, err error) {
	path := s.opt.LabelNames
	c, err := openColumn(&s.opt, path, labelNames)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if strings.EqualFold(filepath.Ext(path), ".json") {
		if err := decodeJSON(c.file, &names); err != nil {
			return nil, c.named(fmt.Errorf("%w: want a list of names: %w", ErrSource, err))
		}
		return names, nil
	}
	if err := c.rewind(); err != nil {
		return nil, c.named(err)
	}
	for c.array == nil || len(names) < c.array.rows() {
		text, err := "", error(nil)
		if c.array == nil && c.table == nil {
			if text, err = c.line(); errors.Is(err, io.EOF) {
				return names, nil
			}
		} else if text, err = c.next(); errors.Is(err, ErrSource) && c.array == nil {
			return names, nil
		}
		if err == nil && len(names) == mostNames {
			err = fmt.Errorf("%w: more than %d names", ErrSource, mostNames)
		}
		if err != nil {
			return nil, c.named(err)
		}
		names = append(names, text)
	}
	return names, nil
}

// readCopies reads from an export's header which files have the bytes of a row.
func (s *Source) readCopies(path string) (map[string][]string, error) {
	f, err := s.opt.open(path)
	if err != nil {
		return nil, err
	}
	var header struct {
		Copies map[string][]string `json:"copies"`
	}
	err = decodeJSON(f, &header)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", exportName, ErrSource, err)
	}
	return header.Copies, nil
}

// decodeJSON reads a file of bounded size.
func decodeJSON(f *os.File, v any) error {
	data, err := io.ReadAll(io.LimitReader(f, mostExport+1))
	switch {
	case err != nil:
		return withoutPath(err)
	case len(data) > mostExport:
		return fmt.Errorf("more than %d bytes", mostExport)
	}
	return json.Unmarshal(data, v)
}
