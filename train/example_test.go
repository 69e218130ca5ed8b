package train_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"path/filepath"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// A head is trained on the vectors of a store, saved there, loaded and asked.
func Example() {
	dir, remove := storetest.TempDir()
	defer remove()
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := ingestPoints(db); err != nil { // in place of photos
		log.Fatal(err)
	}

	cfg := train.DefaultConfig()
	cfg.Steps = 200
	head, report, err := train.Train(context.Background(), db, cfg, func(e train.Event) {
		if v, ok := e.(train.Validation); ok { // points so near each other would bring a *train.Leak as well
			fmt.Println(v)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)
	fmt.Println(report.Interval())
	if err := head.Save(db, "default"); err != nil {
		log.Fatal(err)
	}

	again, err := train.Load(db, "default")
	if err != nil {
		log.Fatal(err)
	}
	probabilities := make([]float64, len(again.Labels))
	if err := again.Predict([]float32{3, -1}, probabilities); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %.3f, %s %.3f\n", again.Labels[0], probabilities[0], again.Labels[1], probabilities[1])
	// Output:
	// Step 100: Validation accuracy on random sampled 100 examples = 100.0%
	// Step 200: Validation accuracy on random sampled 100 examples = 100.0%
	// Final test accuracy = 100.0%
	// 95% interval 92.3% to 100.0% (46 of 46 images)
	// left 0.005, right 0.995
}

// ingestPoints puts points of a plane into the store, as if a network with two
// features had seen 400 photos.
func ingestPoints(db *store.DB) error {
	return db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/points", Name: "points"})
		if err != nil {
			return err
		}
		if err := tx.PutModel(store.Model{ID: "plane", Name: "plane", Dim: 2}); err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 400 {
			label, x := "left", float32(-2)
			if i%2 == 1 {
				label, x = "right", 2
			}
			d := split.SumBytes(fmt.Append(nil, "photo", i))
			path := fmt.Sprintf("%s/%d.jpg", label, i)
			if err := tx.PutImage(root.ID, path, store.Image{Digest: d, Size: 1, Label: label}); err != nil {
				return err
			}
			if err := tx.PutVector("plane", d, []float32{x + rng.Float32(), rng.Float32()}); err != nil {
				return err
			}
		}
		return nil
	})
}
