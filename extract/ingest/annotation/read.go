package annotation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// ahead is how much of a list is looked at to tell its format.
const ahead = 1 << 16

// Read reads a list and calls each with its rows, in their order. An error of each ends
// reading and is returned as it is; others wrap ErrList, except those of r.
func Read(r io.Reader, opt Options, each func(Row) error) (Info, error) {
	rows := &rowReader{r: transform.NewReader(r, unicode.BOMOverride(encoding.Nop.NewDecoder()))}
	rows.begin()
	in := bufio.NewReaderSize(rows, ahead)
	start, err := in.Peek(ahead)
	if err != nil && !errors.Is(err, io.EOF) {
		return Info{}, err
	}
	l := &list{in: in, rows: rows, opt: opt, each: each}
	switch text := bytes.TrimLeft(start, " \t\r\n"); {
	case len(text) == 0 && len(start) < ahead:
		return Info{}, fmt.Errorf("%w: it is empty", ErrList)
	case bytes.IndexByte(start, 0) >= 0:
		return Info{}, fmt.Errorf("%w: it is not text", ErrList)
	case bytes.HasPrefix(text, []byte("<")):
		err = l.cvat()
	case bytes.HasPrefix(text, []byte("[")):
		err = l.array()
	case bytes.HasPrefix(text, []byte("{")) && isCOCO(text):
		err = l.coco()
	case bytes.HasPrefix(text, []byte("{")):
		err = l.lines()
	default:
		err = l.table()
	}
	if err == nil && l.info.Rows == 0 {
		err = fmt.Errorf("%w: it has no rows", ErrList)
	}
	return l.info, err
}

// A list is one that is being read.
type list struct {
	in   *bufio.Reader
	rows *rowReader
	opt  Options
	each func(Row) error
	info Info
}

// give hands a row to the caller.
func (l *list) give(row Row) error {
	row.Path = strings.TrimSpace(row.Path)
	if row.Path == "" {
		return fmt.Errorf("%w: %s has no path", ErrList, l.place(row.Line))
	}
	if strings.TrimSpace(row.Label) == "" {
		row.Label = ""
	}
	for _, cell := range []string{row.Path, row.Label, row.Split, row.Group} {
		if len(cell) > mostCell {
			return fmt.Errorf("%w: %s has a value of %d bytes", ErrList, l.place(row.Line), len(cell))
		}
	}
	if !utf8.ValidString(row.Label) {
		return fmt.Errorf("%w: %s: the label %.60q is not UTF-8: save the list as UTF-8", ErrList, l.place(row.Line), row.Label)
	}
	l.info.Rows++
	return l.each(row)
}

// place names a row.
func (l *list) place(line int) string {
	what := "photo"
	switch l.info.Format {
	case FormatTable:
		what = "line"
	case FormatRecords:
		what = "record"
	case FormatLabelStudio:
		what = "task"
	}
	return fmt.Sprintf("%s %d", what, line)
}

// isCOCO tells the export of COCO from the first of some records, by its beginning: a
// record is whole in its line.
func isCOCO(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return true // its object goes on for more than a line, or than is looked at
	}
	return fields["images"] != nil && (fields["annotations"] != nil || fields["categories"] != nil)
}
