package train

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// groupedStore has n photos around each of k directions, some of them without a label.
func groupedStore(t testing.TB, k, n int) (db *store.DB, group map[split.Digest]int) {
	t.Helper()
	db, group = storetest.Open(t), map[split.Digest]int{}
	rng := rand.New(rand.NewPCG(3, 4))
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos", Labels: &store.LabelSource{Kind: store.LabelsNone}})
		errs := []error{err, tx.PutModel(store.Model{ID: "m", Dim: 2 * k})}
		for i := range k * n {
			d := split.SumBytes([]byte(fmt.Sprint(i)))
			group[d] = i % k
			label := fmt.Sprint("label", i%k)
			if i/k%2 == 1 {
				label = store.Unlabelled
			}
			vec := make([]float32, 2*k)
			for j := range vec {
				vec[j] = float32(rng.NormFloat64() * 0.1)
			}
			vec[i%k]++
			errs = append(errs, tx.PutImage(1, fmt.Sprintf("%d.jpg", i), store.Image{Digest: d, Label: label}), tx.PutVector("m", d, vec))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db, group
}

// Groups that lie apart are found, all of them, with the most typical photos first; a seed
// gives the same clusters again.
func TestClusters(t *testing.T) {
	const k, n = 6, 40
	db, group := groupedStore(t, k, n)
	for seed := range uint64(5) {
		c, err := Clusters(t.Context(), db, ClusterOptions{Count: k, Seed: seed})
		if err != nil || len(c.Clusters) != k || c.Photos != k*n {
			t.Fatalf("%d clusters of %d photos, %v", len(c.Clusters), c.Photos, err)
		}
		for _, cluster := range c.Clusters {
			if len(cluster.Members) != n || len(cluster.Labels) != 1 || cluster.Labels[0].Photos != n/2 {
				t.Errorf("seed %d: %d members, labels %v", seed, len(cluster.Members), cluster.Labels)
			}
			for _, m := range cluster.Members {
				if group[m.Digest] != group[cluster.Members[0].Digest] {
					t.Errorf("seed %d: photos of different groups in one cluster", seed)
				}
			}
			if !slices.IsSortedFunc(cluster.Members, func(a, b Member) int { return int(1e6 * (b.Cosine - a.Cosine)) }) {
				t.Errorf("seed %d: members are not in order", seed)
			}
		}
		again, err := Clusters(t.Context(), db, ClusterOptions{Count: k, Seed: seed})
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("seed %d: other clusters the second time, %v", seed, err)
		}
	}
}

// There are never more clusters than photos, and none of no photos.
func TestFewToCluster(t *testing.T) {
	db, _ := groupedStore(t, 2, 2)
	c, err := Clusters(t.Context(), db, ClusterOptions{Count: 50})
	if err != nil || len(c.Clusters) > 4 || c.Photos != 4 {
		t.Errorf("%d clusters of %d photos, %v", len(c.Clusters), c.Photos, err)
	}
	none := func(store.Placement) bool { return false }
	if c, err = Clusters(t.Context(), db, ClusterOptions{Keep: none}); err != nil || len(c.Clusters) != 0 {
		t.Errorf("%d clusters of no photos, %v", len(c.Clusters), err)
	}
	if _, err = Clusters(t.Context(), db, ClusterOptions{Count: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

// Photos without a label are suggested, of each group some; none is there after all have one.
func TestNext(t *testing.T) {
	const k, n = 4, 20
	db, group := groupedStore(t, k, n)
	s, err := Next(t.Context(), db, NextOptions{Count: 8})
	if err != nil || len(s.Photos) != 8 || s.Unlabelled != k*n/2 {
		t.Fatalf("%+v, %v", s, err)
	}
	seen := map[int]bool{}
	for _, p := range s.Photos {
		if len(p.Labels) > 0 || len(p.Paths) != 1 || p.Likely != fmt.Sprint("label", group[p.Digest]) {
			t.Errorf("%+v is of group %d", p, group[p.Digest])
		}
		seen[group[p.Digest]] = true
	}
	if len(seen) != k {
		t.Errorf("photos of %d groups, want %d", len(seen), k)
	}
	err = db.Update(func(tx *store.Tx) error {
		var errs []error
		for i := range k * n {
			d := split.SumBytes([]byte(fmt.Sprint(i)))
			errs = append(errs, tx.PutImage(1, fmt.Sprintf("%d.jpg", i), store.Image{Digest: d, Label: "x"}))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Next(t.Context(), db, NextOptions{}); !errors.Is(err, ErrNoUnlabelled) {
		t.Errorf("got %v, want ErrNoUnlabelled", err)
	}
}
