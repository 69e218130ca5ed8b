package store_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// Samplers read right rows, from different snapshots, while a writer works.
func TestReadersBesideAWriter(t *testing.T) {
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 3, Images: 60, Dim: 500}
	c.Fill(t, db)
	ix, err := db.Index([]string{"m"}, split.Training) // without the writer's images
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			s, err := db.NewSampler(ix)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			src := rand.NewPCG(uint64(g), 1)
			for range 700 {
				b, err := s.Draw(src, 10)
				if err != nil {
					t.Error(err)
					return
				}
				if row := b.Rows[3]; len(row) != 500 || slices.Contains(row, 12345) {
					t.Error("a row of another image")
				}
			}
			if _, err := db.Stats(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		w := db.NewWriter(store.WriterOptions{MaxOps: 10})
		vec := slices.Repeat([]float32{12345}, 500)
		for i := range 300 {
			name := fmt.Sprint(i)
			if err := w.Put(store.Entry{Root: 1, Path: name, Image: store.Image{Digest: split.SumBytes([]byte(name)), Label: "new"},
				Vectors: map[string][]float32{"m": vec}}); err != nil {
				t.Error(err)
				return
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
}

// A goroutine that has a sampler open may still save a head that makes the file
// grow, where address space allows it.
func TestUpdateBesideOwnSampler(t *testing.T) {
	if strconv.IntSize < 64 || runtime.GOOS == "windows" {
		t.Skip("the file cannot be mapped with room to grow")
	}
	db := storetest.Open(t)
	storetest.Clusters{Labels: 2, Images: 20, Dim: 5}.Fill(t, db)
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draw(rand.NewPCG(1, 1), 5); err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *store.Tx) error {
		return tx.PutHead(store.Head{Name: "large", Models: []string{"m"}, Dim: 5, Params: make([]byte, 20<<20)})
	})
	if err != nil {
		t.Fatal(err)
	}
}
