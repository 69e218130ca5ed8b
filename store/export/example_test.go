package export_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"featstore/split"
	"featstore/store"
	"featstore/store/export"
	"featstore/store/storetest"
)

func Example() {
	if err := example(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 row: path,label,split,digest,model,copies,f0,f1
}

// example exports a store with one photo as CSV.
func example() error {
	dir, remove := storetest.TempDir()
	defer remove()
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		return err
	}
	defer db.Close()
	digest := split.SumBytes([]byte("the bytes of a photo"))
	err = db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		if err != nil {
			return err
		}
		if err := tx.PutModel(store.Model{ID: "m", Name: "network", Dim: 2}); err != nil {
			return err
		}
		if err := tx.PutImage(root.ID, "roses/1.jpg", store.Image{Digest: digest, Label: "roses"}); err != nil {
			return err
		}
		return tx.PutVector("m", digest, []float32{0.5, 1})
	})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "features.csv")
	summary, err := export.Write(context.Background(), db, path, export.Options{Format: export.CSV})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var header string
	fmt.Sscan(string(text), &header)
	fmt.Printf("%d row: %s\n", summary.Rows, header)
	return nil
}
