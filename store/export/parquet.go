package export

import (
	"encoding/json"

	"github.com/parquet-go/parquet-go"
)

// parquetFile writes row groups of bounded size.
type parquetFile struct {
	out  *parquet.GenericWriter[parquetRow]
	one  [1]parquetRow
	text texter
}

// A parquetRow is the schema. All is compressed: behind a ReLU many features
// are zero.
type parquetRow struct {
	Path     string    `parquet:"path"`
	Label    string    `parquet:"label,dict"`
	Split    string    `parquet:"split,dict"`
	Digest   string    `parquet:"digest"`
	Copies   []string  `parquet:"copies,list"`
	Features []float32 `parquet:"features,list"`
}

// groupBytes is what the features of a row group take. A group is held in memory, some
// three times over: values, levels and pages.
const groupBytes = 16 << 20

// parquetKey is the key of the header in the file's metadata.
const parquetKey = "featstore"

func newParquet(tab *table, t *target) (rowWriter, error) {
	out, err := t.create("")
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(tab.header())
	if err != nil {
		return nil, err
	}
	w := &parquetFile{}
	w.out = parquet.NewGenericWriter[parquetRow](out,
		parquet.KeyValueMetadata(parquetKey, string(text)),
		parquet.CreatedBy("featstore", "", ""),
		parquet.Compression(&parquet.Zstd),
		parquet.PageBufferSize(1<<20),
		parquet.MaxRowsPerRowGroup(int64(max(1, groupBytes/(4*tab.summary.Dim)))))
	return w, nil
}

func (w *parquetFile) write(r *row) error {
	w.one[0] = parquetRow{
		Path: w.text.text(r.path), Label: r.name, Split: r.split.String(), Digest: r.digest.String(),
		Copies: w.text.texts(r.copies), Features: r.vector,
	}
	_, err := w.out.Write(w.one[:])
	return err
}

func (w *parquetFile) finish(s *Summary) error {
	s.NotText = w.text.changed
	return w.out.Close()
}
