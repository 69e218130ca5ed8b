package export

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"featstore/store/storetest"
)

// Memory does not grow with the features: an export of 120 MB holds a few at a time.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 4, Images: 2500, Dim: 3000, Spread: 1}
	c.Fill(t, db)
	const features = 120 << 20
	for _, format := range Formats {
		before := heap()
		var most uint64
		s, err := Write(context.Background(), db, filepath.Join(storetest.Dir(t), "out"), Options{Format: format, Progress: func(done, _ int) {
			if done%2500 == 0 {
				most = max(most, heap())
			}
		}})
		must(t, err)
		limit := uint64(features / 8)
		if format == Parquet { // a row group, and what compresses it
			limit = 5 * groupBytes
		}
		if grown := most - min(most, before); grown > limit || most == 0 || s.Rows != 10000 {
			t.Errorf("%s: %d rows of features held %d MB, want at most %d", format, s.Rows, grown>>20, limit>>20)
		}
	}
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
