package storetest_test

import (
	"slices"
	"testing"

	"featstore/split"
	"featstore/store/storetest"
)

func TestClusters(t *testing.T) {
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 4, Images: 50, Dim: 20, Spread: 0.1, Seed: 3}
	c.Fill(t, db)
	c.Fill(t, db) // again: nothing changes
	st, err := db.Stats()
	if err != nil || st.Images != 200 || len(st.Roots) != 1 || len(st.Labels) != 4 || st.Models[0].Vectors != 200 {
		t.Fatalf("%+v %v", st, err)
	}
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	means := make([][]float32, 4)
	for l := range means {
		means[l] = c.Vector(l, 0)
	}
	err = db.Each(ix, func(label int, d split.Digest, row []float32) error {
		for i := range c.Images {
			if c.Digest(label, i) == d && !slices.Equal(row, c.Vector(label, i)) {
				t.Errorf("image %d of label %d has another vector", i, label)
			}
		}
		best, least := 0, float32(1e9)
		for l, m := range means {
			var sum float32
			for k := range m {
				sum += (m[k] - row[k]) * (m[k] - row[k])
			}
			if sum < least {
				best, least = l, sum
			}
		}
		if best != label {
			t.Errorf("a vector of label %d lies nearer to label %d", label, best)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
