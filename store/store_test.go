package store_test

import (
	"math/rand/v2"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func TestFillAndRead(t *testing.T) {
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 3, Images: 50, Dim: 16, Spread: 0.1}
	c.Fill(t, db)
	c.Model = "other"
	c.Dim = 300
	c.Fill(t, db)
	st, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", st)
	for _, models := range [][]string{{"m"}, {"other"}, {"m", "other"}} {
		ix, err := db.Index(models, split.Training)
		if err != nil {
			t.Fatal(err)
		}
		s, err := db.NewSampler(ix)
		if err != nil {
			t.Fatal(err)
		}
		src := rand.NewPCG(1, 2)
		for range 600 {
			b, err := s.Draw(src, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Rows) != 100 || len(b.Rows[99]) != ix.Dim() {
				t.Fatal("wrong shape")
			}
		}
		n := 0
		if err := db.Each(ix, func(int, split.Digest, []float32) error { n++; return nil }); err != nil || n != ix.Len() || n == 0 {
			t.Fatal(n, err)
		}
	}
	_ = store.MaxDim
}
