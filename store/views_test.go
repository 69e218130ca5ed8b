package store_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

var viewed = storetest.Clusters{Labels: 3, Images: 12, Dim: 5, Spread: 0.1, Seed: 4}

// viewVector is what the tests put for a view: it says whose it is.
func viewVector(d split.Digest, number, dim int) []float32 {
	vec := make([]float32, dim)
	vec[0], vec[1] = float32(d[0]), float32(number)
	return vec
}

// fillViews fills a store and gives its training images views, but for those of one.
func fillViews(t *testing.T, count int) (db *store.DB, without split.Digest) {
	db = storetest.Open(t)
	viewed.Fill(t, db)
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	without = ix.Keys[1][0]
	err = db.Update(func(tx *store.Tx) error {
		if _, err := tx.SetViews("m", &store.Views{Augment: "flip", Count: count}); err != nil {
			return err
		}
		for _, keys := range ix.Keys {
			for _, d := range keys {
				for n := 1; n <= count && d != without; n++ {
					if err := tx.PutView("m", d, n, viewVector(d, n, viewed.Dim)); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db, without
}

func viewIndex(t *testing.T, db *store.DB) *store.Index {
	t.Helper()
	ix, err := db.Index([]string{"m"}, split.Training)
	if err == nil {
		err = db.IndexViews(ix)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestIndexOfViews(t *testing.T) {
	db, without := fillViews(t, 3)
	ix := viewIndex(t, db)
	if ix.MissingViews != 3 || ix.LenViews() != 3*(ix.Len()-1) || ix.Augment != "flip" {
		t.Fatalf("%d views of %d images, %d missing", ix.LenViews(), ix.Len(), ix.MissingViews)
	}
	seen := 0
	err := db.EachView(ix, func(label int, d split.Digest, view int, row []float32) error {
		if !slices.Equal(row, viewVector(d, view, viewed.Dim)) || d == without || view != 1+seen%3 {
			t.Errorf("view %d of %s: %v", view, d.Short(), row)
		}
		seen++
		return nil
	})
	if err != nil || seen != ix.LenViews() {
		t.Fatalf("%d views passed, %v", seen, err)
	}
	validation, err := db.Index([]string{"m"}, split.Validation)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.IndexViews(validation); err == nil {
		t.Error("views of the validation split")
	}
}

// TestSamplerDrawsViews: a photo's views and itself, each as often.
func TestSamplerDrawsViews(t *testing.T) {
	db, without := fillViews(t, 3)
	ix := viewIndex(t, db)
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const batches, n = 200, 100
	var times [4]int
	for i := range batches {
		draw := s.Draw
		if i%2 == 1 {
			draw = s.DrawImages
		}
		b, err := draw(rand.NewPCG(uint64(i), 1), n)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range b.Rows {
			d := b.Digests[i]
			view := int(row[1])
			if row[0] == float32(d[0]) && slices.Equal(row, viewVector(d, view, viewed.Dim)) {
				if times[view]++; d == without {
					t.Fatal("a view of the image without")
				}
			} else {
				times[0]++
			}
		}
	}
	for view, n := range times[1:] {
		if share := float64(n) / (batches * 100); share < 0.22 || share > 0.26 {
			t.Errorf("view %d is drawn for %.3f of all rows", view+1, share)
		}
	}
	if _, err := s.Read([]int{0}, []int{0}, []int{4}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("view 4 of 3: %v", err)
	}
}

// TestViewsDoNotChangeWhatIsPlain: who does not ask for views does not meet them.
func TestViewsDoNotChangeWhatIsPlain(t *testing.T) {
	plain := storetest.Open(t)
	viewed.Fill(t, plain)
	with, _ := fillViews(t, 2)
	a, err := plain.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	b, err := with.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	if a.Fingerprint() != b.Fingerprint() || b.Views != nil {
		t.Error("the index has changed")
	}
	n := 0
	if err := with.Each(b, func(int, split.Digest, []float32) error { n++; return nil }); err != nil || n != a.Len() {
		t.Errorf("%d images, want %d, %v", n, a.Len(), err)
	}
	st, err := with.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if m := st.Models[0]; m.Vectors != 36 || m.Missing != 0 || m.ViewVectors.Missing != 2 {
		t.Errorf("%+v, views %+v", m, m.ViewVectors)
	}
}

// TestViewsOfSeveralModels are used as far as all have them, of one augmentation.
func TestViewsOfSeveralModels(t *testing.T) {
	db, _ := fillViews(t, 3)
	other := viewed
	other.Model = "other"
	other.Fill(t, db)
	both := func() *store.Index {
		ix, err := db.Index([]string{"m", "other"}, split.Training)
		if err == nil {
			err = db.IndexViews(ix)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ix
	}
	set := func(augment string) {
		err := db.Update(func(tx *store.Tx) error {
			_, err := tx.SetViews("other", &store.Views{Augment: augment, Count: 1})
			ix := both()
			for _, keys := range ix.Keys {
				for _, d := range keys {
					err = errors.Join(err, tx.PutView("other", d, 1, viewVector(d, 1, viewed.Dim)))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if ix := both(); ix.Views != nil || ix.Augment != "" {
		t.Errorf("one model has no views: %+v", ix)
	}
	set("crop=10")
	if ix := both(); ix.Views != nil || ix.Augment != "" {
		t.Errorf("views of two augmentations: %+v", ix)
	}
	set("flip")
	if ix := both(); ix.LenViews() != ix.Len()-1 || ix.MissingViews != 1 {
		t.Errorf("%d views of %d images, %d missing", ix.LenViews(), ix.Len(), ix.MissingViews)
	}
}
