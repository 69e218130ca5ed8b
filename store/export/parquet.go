package export

import (
	"encoding/json"

	"github.com/parquet-go/parquet-go"
)

// parquetFile writes row groups of bounded size. R is the schema.
type parquetFile[R any] struct {
	out  *parquet.GenericWriter[R]
	one  [1]R
	of   func(parquetRow, *row) R
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

// A parquetViewRow is the schema where views are exported.
type parquetViewRow struct {
	parquetRow
	View int32 `parquet:"view"`
}

// groupBytes is what the features of a row group take. A group is held in memory, some
// three times over: values, levels and pages.
const groupBytes = 16 << 20

// parquetKey is the key of the header in the file's metadata.
const parquetKey = "featstore"

func newParquet(tab *table, t *target) (rowWriter, error) {
	if tab.views {
		return openParquet(tab, t, func(p parquetRow, r *row) parquetViewRow { return parquetViewRow{p, int32(r.view)} })
	}
	return openParquet(tab, t, func(p parquetRow, _ *row) parquetRow { return p })
}

func openParquet[R any](tab *table, t *target, of func(parquetRow, *row) R) (rowWriter, error) {
	out, err := t.create("")
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(tab.header())
	if err != nil {
		return nil, err
	}
	w := &parquetFile[R]{of: of}
	w.out = parquet.NewGenericWriter[R](out,
		parquet.KeyValueMetadata(parquetKey, string(text)),
		parquet.CreatedBy("featstore", "", ""),
		parquet.Compression(&parquet.Zstd),
		parquet.PageBufferSize(1<<20),
		parquet.MaxRowsPerRowGroup(int64(max(1, groupBytes/(4*tab.summary.Dim)))))
	return w, nil
}

func (w *parquetFile[R]) write(r *row) error {
	w.one[0] = w.of(parquetRow{
		Path: w.text.text(r.path), Label: r.name, Split: r.split.String(), Digest: r.digest.String(),
		Copies: w.text.texts(r.copies), Features: r.vector,
	}, r)
	_, err := w.out.Write(w.one[:])
	return err
}

func (w *parquetFile[R]) finish(s *Summary) error {
	s.NotText = w.text.changed
	return w.out.Close()
}
