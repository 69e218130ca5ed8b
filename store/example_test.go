package store_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"path/filepath"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A store is filled with images and their vectors, and minibatches are drawn from it.
func Example() {
	dir, remove := storetest.TempDir()
	defer remove()
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var root store.Root
	err = db.Update(func(tx *store.Tx) (err error) {
		if root, err = tx.PutRoot(store.Root{Path: "/home/flora/photos", Name: "photos"}); err != nil {
			return err
		}
		return tx.PutModel(store.Model{ID: "lite0", Name: "EfficientNet-Lite0", Dim: 4})
	})
	if err != nil {
		log.Fatal(err)
	}

	w := db.NewWriter(store.WriterOptions{})
	for i, label := range []string{"daisy", "daisy", "daisy", "rose", "rose"} {
		photo := fmt.Append(nil, "the bytes of photo ", i)
		err := w.Put(store.Entry{
			Root: root.ID, Path: fmt.Sprintf("%s/%d.jpg", label, i),
			Image:   store.Image{Digest: split.SumBytes(photo), Size: int64(len(photo)), Label: label},
			Vectors: map[string][]float32{"lite0": {float32(i), 0, 0, 1}},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	// One of the five is not for training, by the digest of its bytes.
	ix, err := db.Index([]string{"lite0"}, split.Training)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ix.Len(), "training images under", ix.Labels)
	s, err := db.NewSampler(ix)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	batch, err := s.Draw(rand.NewPCG(1, 2), 3)
	if err != nil {
		log.Fatal(err)
	}
	for i, row := range batch.Rows {
		fmt.Println(ix.Labels[batch.Labels[i]], row)
	}
	// Output:
	// 4 training images under [daisy rose]
	// daisy [0 0 0 1]
	// rose [3 0 0 1]
	// rose [3 0 0 1]
}
