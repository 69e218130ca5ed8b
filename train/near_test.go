package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// nearStore has n photos, some of them nearly another's, under two models.
func nearStore(t testing.TB, n int) (db *store.DB, vectors map[split.Digest][2][]float32) {
	t.Helper()
	db = storetest.Open(t)
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		return errors.Join(err, tx.PutModel(store.Model{ID: "m", Dim: 37}), tx.PutModel(store.Model{ID: "n", Dim: 5}))
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(like []float32, dim int) []float32 {
		v := make([]float32, dim)
		for k := range v {
			v[k] = float32(rng.NormFloat64())
			if like != nil {
				v[k] = like[k] + v[k]*0.2
			}
		}
		return v
	}
	vectors = map[split.Digest][2][]float32{}
	var last [2][]float32
	w := db.NewWriter(store.WriterOptions{})
	for i := range n {
		d := split.SumBytes([]byte(fmt.Sprint(i)))
		v := [2][]float32{random(nil, 37), random(nil, 5)}
		if i%3 == 1 {
			v = [2][]float32{random(last[0], 37), random(last[1], 5)}
		}
		if i == 7 {
			v = [2][]float32{make([]float32, 37), make([]float32, 5)}
		}
		last, vectors[d] = v, v
		e := store.Entry{Root: 1, Path: fmt.Sprintf("%d.jpg", i), Image: store.Image{Digest: d, Label: fmt.Sprint("label", i%2)},
			Vectors: map[string][]float32{"m": v[0], "n": v[1]}}
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return db, vectors
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for k := range a {
		ab += float64(a[k]) * float64(b[k])
		aa += float64(a[k]) * float64(a[k])
		bb += float64(b[k]) * float64(b[k])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// Every pair that a comparison one by one finds is found, and no other.
func TestNearDuplicates(t *testing.T) {
	const n = 700
	db, vectors := nearStore(t, n)
	policy := db.Policy()
	for _, models := range [][]string{{"m"}, {"n", "m"}} {
		const least = 0.9
		want := map[string]float64{}
		compared := 0
		var digests []split.Digest
		for d := range vectors {
			digests = append(digests, d)
		}
		slices.SortFunc(digests, split.Digest.Compare)
		for _, a := range digests {
			for _, b := range digests {
				if policy.Assign(a) >= policy.Assign(b) {
					continue
				}
				compared++
				c := cosine(vectors[a][0], vectors[b][0])
				if len(models) == 2 {
					c = (c + cosine(vectors[a][1], vectors[b][1])) / 2
				}
				if c >= least {
					want[a.String()+b.String()] = c
				}
			}
		}
		near, err := train.NearDuplicates(context.Background(), db, train.NearOptions{Models: models, Least: least})
		if err != nil {
			t.Fatal(err)
		}
		if len(want) < 5 || near.Found != len(want) || len(near.Pairs) != len(want) || near.Compared != compared {
			t.Fatalf("%v: found %d of %d, listed %d, compared %d of %d", models, near.Found, len(want), len(near.Pairs), near.Compared, compared)
		}
		before := 1.0
		for _, p := range near.Pairs {
			c, ok := want[p.A.Digest.String()+p.B.Digest.String()]
			if !ok || math.Abs(c-p.Cosine) > 1e-5 || p.Cosine > before || p.A.Split >= p.B.Split || len(p.A.Paths) != 1 || p.B.Label == "" {
				t.Errorf("%v: %+v, want %v", models, p, c)
			}
			before = p.Cosine
		}
		few, err := train.NearDuplicates(context.Background(), db, train.NearOptions{Models: models, Least: least, Most: 2})
		if err != nil || few.Found != near.Found || len(few.Pairs) != 2 || few.Pairs[0].A.Digest != near.Pairs[0].A.Digest || few.Affected != near.Affected {
			t.Errorf("the two most similar: %+v, %v", few, err)
		}
	}
}

func TestNearDuplicatesRefuses(t *testing.T) {
	db, _ := nearStore(t, 20)
	ctx, cancel := context.WithCancel(context.Background())
	for _, c := range []struct {
		opt  train.NearOptions
		want error
	}{
		{train.NearOptions{}, train.ErrConfig}, // two models
		{train.NearOptions{Models: []string{"m"}, Least: 1.5}, train.ErrConfig},
		{train.NearOptions{Models: []string{"m"}, Least: -1}, train.ErrConfig},
		{train.NearOptions{Models: []string{"x"}}, store.ErrNotFound},
	} {
		if _, err := train.NearDuplicates(ctx, db, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.opt, err)
		}
	}
	cancel()
	if _, err := train.NearDuplicates(ctx, db, train.NearOptions{Models: []string{"m"}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkNearDuplicates(b *testing.B) {
	db := storetest.Open(b)
	storetest.Clusters{Labels: 5, Images: 734, Dim: 1280, Spread: 2}.Fill(b, db)
	for b.Loop() {
		if _, err := train.NearDuplicates(context.Background(), db, train.NearOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
