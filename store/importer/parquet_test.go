package importer

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"featstore/store/storetest"
)

type listRow struct {
	Image     string    `parquet:"image_path"`
	Label     string    `parquet:"label,dict"`
	Split     string    `parquet:"split,optional"`
	Embedding []float32 `parquet:"embedding,list"`
}

type doubleRow struct {
	Path   string    `parquet:"path"`
	Label  int64     `parquet:"label"`
	Vector []float64 `parquet:"vector"`
	Boxes  []float64 `parquet:"boxes"`
}

type wideRow struct {
	Path  string  `parquet:"path"`
	Label int32   `parquet:"class"`
	F0    float32 `parquet:"f0"`
	F1    float64 `parquet:"f1"`
}

// parquetFileOf is a Parquet file with some rows.
func parquetFileOf[R any](t testing.TB, rows []R) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[R](&b, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(20))
	_, err := w.Write(rows)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// Parquet is read with lists of floats of any length of bits, and with a column a feature.
func TestParquet(t *testing.T) {
	dir := storetest.Dir(t)
	for name, c := range map[string]struct {
		data []byte
		want []line
	}{
		"lists": {parquetFileOf(t, []listRow{{"a", "rose", "val", []float32{1, 2}}, {"b", "tulip", "", []float32{3}}, {"c", "", "x", nil}}), []line{
			{"a", "rose", "validation", "", []float32{1, 2}},
			{Name: "b", Label: "tulip", Problem: "it has 1 features, others have 2"},
			{Name: "c", Problem: `its split is "x": want training, validation or testing`}}},
		"doubles": {parquetFileOf(t, []doubleRow{{"a", 7, []float64{0.1, 2}, []float64{1, 2, 3, 4}}}), []line{{"a", "7", "", "", []float32{0.1, 2}}}},
		"columns": {parquetFileOf(t, []wideRow{{"a", 3, 0.5, 0.25}}), []line{{"a", "3", "", "", []float32{0.5, 0.25}}}},
	} {
		got, err := read(t, write(t, dir, name, c.data), Options{})
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
}

// Rows of several groups come in order.
func TestParquetGroups(t *testing.T) {
	var rows []wideRow
	for i := range 50 {
		rows = append(rows, wideRow{"a", 1, float32(i), 0})
	}
	got, err := read(t, write(t, storetest.Dir(t), "x", parquetFileOf(t, rows)), Options{})
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, l := range got {
		if l.Vector[0] != float32(i) {
			t.Errorf("row %d has the vector %v", i, l.Vector)
		}
	}
}

// A file that is cut short or has no vectors says so.
func TestBadParquet(t *testing.T) {
	dir := storetest.Dir(t)
	whole := parquetFileOf(t, []wideRow{{"a", 3, 0.5, 0.25}})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut":   {whole[:len(whole)-9], "is cut short"},
		"start": {whole[:4], "lengths do not fit"},
		"none":  {parquetFileOf(t, []struct{ Path string }{{"a"}}), "no columns of features"},
		"empty": {parquetFileOf(t, []listRow{{Image: "a"}}), "are all empty"},
		"two":   {parquetFileOf(t, []struct{ A, B []float32 }{{[]float32{1}, []float32{2}}}), "which of the columns"},
	} {
		_, err := read(t, write(t, dir, name, c.data), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), ErrSource.Error()) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Bytes of a Parquet file that are others make rows or an ErrSource, and no large allocation:
// the library takes what lengths claim.
func TestDamagedParquet(t *testing.T) {
	whole := parquetFileOf(t, []listRow{{"a", "b", "train", []float32{1, 2}}, {"a", "b", "", []float32{3, 4}}})
	dir := storetest.Dir(t)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 2 * len(whole) {
		b := slices.Clone(whole)
		for range 1 + i%3 {
			b[4+r.IntN(len(b)-4)] = byte(r.UintN(256))
		}
		path := write(t, dir, "x.parquet", b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sound(t, path, Options{})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 2*mostPage {
			t.Errorf("file %d took %d MB", i, n>>20)
		}
	}
}
