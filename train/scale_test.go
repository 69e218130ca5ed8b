package train_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

var (
	scalePhotos = flag.Int("scale.photos", 0, "photos of the store that TestScale searches, with vectors of 1,280; without it the test is skipped")
	scaleStore  = flag.String("scale.store", "", "that store; it is made if it is not there, and left")
)

// scaleDim is that of the embedded network.
const scaleDim = 1280

// How long a search and a comparison of all photos take. The vectors are generated: random
// ones around a hundred directions, each twentieth nearly the same as the one before.
func TestScale(t *testing.T) {
	if *scalePhotos == 0 {
		t.Skip("-scale.photos says how many")
	}
	path := *scaleStore
	if path == "" {
		path = filepath.Join(storetest.Dir(t), "scale.db")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		makeScale(t, path, *scalePhotos)
	}
	start := time.Now()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rng := rand.New(rand.NewPCG(9, 9))
	for _, queries := range []int{1, 1, 1, 10} {
		var asked [][]float32
		for range queries {
			asked = append(asked, scaleVector(rng, nil))
		}
		matches, err := train.FindSimilar(t.Context(), db, asked, train.SimilarOptions{})
		if err != nil || len(matches) != queries || len(matches[0]) != 10 {
			t.Fatal(len(matches), err)
		}
		t.Logf("%d queries among %d photos: %.2f s", queries, *scalePhotos, time.Since(start).Seconds())
		start = time.Now()
	}
	if *scalePhotos > 200_000 {
		return // all pairs would take long
	}
	start = time.Now()
	near, err := train.NearDuplicates(t.Context(), db, train.NearOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("near-duplicates across splits: %d pairs of %d: %.1f s", near.Found, near.Compared, time.Since(start).Seconds())
	start = time.Now()
	_, groups, photos, err := train.NearlySame(t.Context(), db, train.NearOptions{Most: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("near-duplicates within and across splits: %d groups with %d photos: %.1f s", groups, photos, time.Since(start).Seconds())
}

// scaleVector is random, near another if that is given.
func scaleVector(rng *rand.Rand, like []float32) []float32 {
	v := make([]float32, scaleDim)
	for k := range v {
		if like != nil {
			v[k] = like[k] + float32(rng.Float64())*0.1
		} else {
			v[k] = float32(rng.ExpFloat64())
		}
	}
	return v
}

func makeScale(t *testing.T, path string, n int) {
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		return errors.Join(err, tx.PutModel(store.Model{ID: "m", Name: "generated", Dim: scaleDim}))
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	w := db.NewWriter(store.WriterOptions{})
	var last []float32
	for i := range n {
		like := last
		if i%20 != 1 {
			like = nil
		}
		last = scaleVector(rng, like)
		e := store.Entry{Root: 1, Path: fmt.Sprintf("%d.jpg", i), Vectors: map[string][]float32{"m": last},
			Image: store.Image{Digest: split.SumBytes([]byte(fmt.Sprint(i))), Label: fmt.Sprint("label", i%10)}}
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
