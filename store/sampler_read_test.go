package store_test

import (
	"errors"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func TestSamplerReadsGivenImages(t *testing.T) {
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 3, Images: 30, Dim: 5, Spread: 1}
	c.Fill(t, db)
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := s.Read([]int{2, 0, 0}, []int{1, 4, 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []split.Digest{ix.Keys[0][4], ix.Keys[0][4], ix.Keys[2][1]}
	if !slices.Equal(b.Digests, want) || !slices.Equal(b.Labels, []int{0, 0, 2}) {
		t.Errorf("read labels %v, digests %v", b.Labels, b.Digests)
	}
	for _, bad := range [][2]int{{3, 0}, {-1, 0}, {0, -1}, {1, len(ix.Keys[1])}} {
		if _, err := s.Read([]int{bad[0]}, []int{bad[1]}, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("label and rank %v: %v", bad, err)
		}
	}
}
