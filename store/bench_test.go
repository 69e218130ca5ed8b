package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

const benchDim = 1280 // of the default network

// benchImages is how many images benchmarks have; FEATSTORE_BENCH_IMAGES overrides it.
func benchImages() int {
	if n, err := strconv.Atoi(os.Getenv("FEATSTORE_BENCH_IMAGES")); err == nil {
		return n
	}
	return 5000
}

// benchFill puts n images of five labels into a store, as ingest does.
func benchFill(b *testing.B, db *store.DB, n int) {
	b.Helper()
	err := db.Update(func(tx *store.Tx) error {
		if _, err := tx.PutRoot(store.Root{Path: "/photos"}); err != nil {
			return err
		}
		return tx.PutModel(store.Model{ID: "m", Dim: benchDim})
	})
	if err != nil {
		b.Fatal(err)
	}
	vec := make([]float32, benchDim)
	for i := range vec {
		vec[i] = float32(i)
	}
	w := db.NewWriter(store.WriterOptions{})
	for i := range n {
		vec[0] = float32(i)
		err := w.Put(store.Entry{
			Root: 1, Path: fmt.Sprintf("label%d/image_%08d.jpg", i%5, i),
			Image:   store.Image{Digest: split.SumBytes(fmt.Append(nil, i)), Size: 100000, MTime: 1700000000123456789, Label: fmt.Sprint("label", i%5)},
			Vectors: map[string][]float32{"m": vec},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchOpen(b *testing.B, path string, opt store.Options) *store.DB {
	b.Helper()
	db, err := store.Open(path, opt)
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkPut stores images with vectors; one operation is one image.
func BenchmarkPut(b *testing.B) {
	path := filepath.Join(storetest.Dir(b), "features.db")
	db := benchOpen(b, path, store.Options{Create: true})
	defer db.Close()
	b.SetBytes(4 * benchDim)
	b.ReportAllocs()
	b.ResetTimer()
	benchFill(b, db, b.N)
	b.StopTimer()
	if info, err := os.Stat(path); err == nil {
		b.ReportMetric(float64(info.Size())/float64(b.N), "file-B/op")
	}
}

// BenchmarkRead reads a filled store in all the ways there are.
func BenchmarkRead(b *testing.B) {
	n := benchImages()
	path := filepath.Join(storetest.Dir(b), "features.db")
	db := benchOpen(b, path, store.Options{Create: true})
	benchFill(b, db, n)
	db.Close()
	perImage := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/image")
	}
	b.Run("open=read", func(b *testing.B) {
		for b.Loop() {
			benchOpen(b, path, store.Options{ReadOnly: true}).Close()
		}
		perImage(b)
	})
	b.Run("open=write", func(b *testing.B) {
		for b.Loop() {
			benchOpen(b, path, store.Options{}).Close()
		}
		perImage(b)
	})
	db = benchOpen(b, path, store.Options{ReadOnly: true})
	defer db.Close()
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Stats(); err != nil {
				b.Fatal(err)
			}
		}
		perImage(b)
	})
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Index([]string{"m"}, split.Training); err != nil {
				b.Fatal(err)
			}
		}
		perImage(b)
	})
	b.Run("images", func(b *testing.B) {
		for b.Loop() {
			err := db.View(func(tx *store.Tx) error {
				for _, err := range tx.Images(1) {
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		perImage(b)
	})
	b.Run("each", func(b *testing.B) {
		var sum float32
		for b.Loop() {
			if err := db.Each(ix, func(_ int, _ split.Digest, row []float32) error { sum += row[7]; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(ix.Len()), "ns/row")
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if r, err := db.Check(b.Context(), nil); err != nil || !r.OK() {
				b.Fatal(r, err)
			}
		}
		perImage(b)
	})
	benchDraws(b, db, ix)
}

// benchDraws reads rows at random, in place and copied, beside the same copies
// from an array in memory.
func benchDraws(b *testing.B, db *store.DB, ix *store.Index) {
	const batch = 100
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/row")
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]float32, batch*benchDim)
	for _, mode := range []string{"in-place", "copied"} {
		b.Run("draw="+mode, func(b *testing.B) {
			src := rand.NewPCG(1, 2)
			b.ReportAllocs()
			for b.Loop() {
				batch, err := s.Draw(src, batch)
				if err != nil {
					b.Fatal(err)
				}
				if mode == "copied" {
					for i, row := range batch.Rows {
						copy(out[i*benchDim:], row)
					}
				}
			}
			perRow(b)
		})
	}
	b.Run("draw=memory", func(b *testing.B) {
		rows := make([]float32, ix.Len()*benchDim)
		for i := range rows {
			rows[i] = float32(i)
		}
		src := rand.NewPCG(1, 2)
		for b.Loop() {
			for i := range batch {
				k := store.Uniform(src, ix.Len())
				copy(out[i*benchDim:(i+1)*benchDim], rows[k*benchDim:])
			}
		}
		perRow(b)
	})
}
