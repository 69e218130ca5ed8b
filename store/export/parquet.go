package export

import (
	"bufio"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// A parquetRow is a row in the schema of the file.
type parquetRow struct {
	Digest   string    `parquet:"digest"`
	Label    string    `parquet:"label,dict"`
	Index    int32     `parquet:"label_index"`
	Split    string    `parquet:"split,dict"`
	Path     string    `parquet:"path"`
	Copies   int32     `parquet:"copies"`
	Features []float32 `parquet:"features,list"`
}

// A parquetSink writes rows in groups, which bound the memory it takes.
type parquetSink struct {
	file *os.File
	buf  *bufio.Writer
	out  *parquet.GenericWriter[parquetRow]
	one  [1]parquetRow
}

// rowsInGroup is the number of rows that a reader gets at once: at 1,280
// features some 10 MB.
const rowsInGroup = 2000

func newParquet(path string) (*parquetSink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, 1<<18)
	out := parquet.NewGenericWriter[parquetRow](buf, parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(rowsInGroup),
		parquet.CreatedBy("featstore", "", ""))
	return &parquetSink{file: f, buf: buf, out: out}, nil
}

func (s *parquetSink) write(r *row) error {
	s.one[0] = parquetRow{r.digest.String(), r.label, int32(r.index), r.split.String(), r.path, int32(r.copies), slices.Clone(r.features)}
	_, err := s.out.Write(s.one[:])
	return err
}

func (s *parquetSink) close() error {
	if err := s.out.Close(); err != nil {
		s.file.Close()
		return err
	}
	return closeFile(s.file, s.buf)
}

func (s *parquetSink) abort() { s.file.Close() }
