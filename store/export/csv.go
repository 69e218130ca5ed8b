package export

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// columns are those that say what a row is, in every format.
var columns = []string{"digest", "label", "label_index", "split", "path", "copies"}

func (r *row) cells() []string {
	return []string{r.digest.String(), r.label, strconv.Itoa(r.index), r.split.String(), r.path, strconv.Itoa(r.copies)}
}

// A csvSink writes rows as CSV: what the row is, then its features, if wanted.
type csvSink struct {
	file  *os.File
	buf   *bufio.Writer
	csv   *csv.Writer
	dim   int
	cells []string
}

func newCSV(path string, dim int) (*csvSink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	s := &csvSink{file: f, buf: bufio.NewWriterSize(f, 1<<18), dim: dim}
	s.csv = csv.NewWriter(s.buf)
	head := append([]string{}, columns...)
	for i := range dim {
		head = append(head, fmt.Sprintf("f%d", i))
	}
	if err := s.csv.Write(head); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// write writes features with the fewest digits that give the same float32 back.
func (s *csvSink) write(r *row) error {
	s.cells = append(s.cells[:0], r.cells()...)
	for _, v := range r.features[:s.dim] {
		s.cells = append(s.cells, strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	return s.csv.Write(s.cells)
}

func (s *csvSink) close() error {
	s.csv.Flush()
	if err := s.csv.Error(); err != nil {
		s.file.Close()
		return err
	}
	return closeFile(s.file, s.buf)
}

func (s *csvSink) abort() { s.file.Close() }

// closeFile brings a file to the disk and closes it.
func closeFile(f *os.File, buf *bufio.Writer) error {
	err := buf.Flush()
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
