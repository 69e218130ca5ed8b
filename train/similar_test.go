package train_test

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"

	"featstore/split"
	"featstore/train"
)

// What is found is what comparing one by one finds, by one network's features and by two.
func TestFindSimilar(t *testing.T) {
	db, vectors := nearStore(t, 500)
	for _, models := range [][]string{{"m"}, {"m", "n"}} {
		featuresOf := func(v [2][]float32) []float32 {
			if len(models) == 1 {
				return v[0]
			}
			return slices.Concat(v[0], v[1])
		}
		var asked []split.Digest
		var queries [][]float32
		for d, v := range vectors {
			if asked = append(asked, d); len(asked) > 70 {
				break
			}
			queries = append(queries, featuresOf(v))
		}
		got, err := train.FindSimilar(t.Context(), db, queries, train.SimilarOptions{Models: models, Top: 7})
		if err != nil || len(got) != len(queries) {
			t.Fatalf("%d of %d, %v", len(got), len(queries), err)
		}
		for q, matches := range got {
			var want []float64
			byDigest := map[split.Digest]float64{}
			for d, v := range vectors {
				c := 0.0
				for m := range models {
					c += cosine(vectors[asked[q]][m], v[m]) / float64(len(models))
				}
				want, byDigest[d] = append(want, c), c
			}
			slices.SortFunc(want, func(a, b float64) int { return cmp.Compare(b, a) })
			if len(matches) != 7 {
				t.Fatalf("%d matches", len(matches))
			}
			for i, m := range matches {
				if math.Abs(m.Cosine-want[i]) > 1e-5 || math.Abs(byDigest[m.Digest]-m.Cosine) > 1e-5 || len(m.Paths) != 1 || m.Label() == "" || m.Split == "" {
					t.Fatalf("%v: match %d of query %d is %v, whose cosine is %v; want %v", models, i, q, m, byDigest[m.Digest], want[i])
				}
			}
		}
	}
}

func TestFindSimilarRefuses(t *testing.T) {
	db, _ := nearStore(t, 10)
	nan := make([]float32, 37)
	nan[3] = float32(math.NaN())
	for _, c := range []struct {
		query []float32
		opt   train.SimilarOptions
		want  error
	}{
		{make([]float32, 36), train.SimilarOptions{Models: []string{"m"}}, train.ErrWrongFeature},
		{make([]float32, 38), train.SimilarOptions{Models: []string{"m"}}, train.ErrWrongFeature},
		{nan, train.SimilarOptions{Models: []string{"m"}}, train.ErrNotFinite},
		{make([]float32, 37), train.SimilarOptions{}, train.ErrConfig}, // two models
		{make([]float32, 37), train.SimilarOptions{Models: []string{"m"}, Top: -1}, train.ErrConfig},
	} {
		if _, err := train.FindSimilar(t.Context(), db, [][]float32{c.query}, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%d features, %+v: got %v, want %v", len(c.query), c.opt, err, c.want)
		}
	}
}
