package importer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"featstore/store"
	"featstore/store/importer"
	"featstore/store/storetest"
)

func Example() {
	if err := example(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 2 rows of 3 features, 2 new images
}

// example imports a table of two rows into a new store.
func example() (err error) {
	dir, remove := storetest.TempDir()
	defer remove()
	path := filepath.Join(dir, "clip.csv")
	const rows = "path,label,f0,f1,f2\nroses/1.jpg,rose,0.5,1,0\ntulips/1.jpg,tulip,0,0.25,1\n"
	if err := os.WriteFile(path, []byte(rows), 0o666); err != nil {
		return err
	}
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		return err
	}
	defer db.Close()
	src, err := importer.Open(path, importer.Options{})
	if err != nil {
		return err
	}
	defer src.Close()
	ctx := context.Background()
	survey, err := importer.NewSurvey(ctx, db, src, "")
	if err != nil {
		return err
	}
	report, err := importer.Run(ctx, db, src, survey, importer.Target{Model: store.Model{
		ID: importer.ModelID("clip", src.Dim), Name: "clip", Dim: src.Dim, Preprocess: "{}", Imported: &store.Imported{From: path},
	}})
	if err != nil {
		return err
	}
	fmt.Printf("%d rows of %d features, %d new images\n", report.Rows, src.Dim, report.New)
	return nil
}
