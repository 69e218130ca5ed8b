package ingest_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/store"
	"featstore/store/storetest"
)

// A folder with two labels goes into a new store; the second run finds nothing
// to do.
func Example() {
	dir, remove := storetest.TempDir()
	defer remove()
	photos := filepath.Join(dir, "photos")
	paint(filepath.Join(photos, "dark", "1.png"), color.Gray{30})
	paint(filepath.Join(photos, "bright", "1.png"), color.Gray{220})
	paint(filepath.Join(photos, "bright", "2.png"), color.Gray{240})

	network, err := extract.Default(64)
	if err != nil {
		log.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for range 2 {
		report, err := ingest.Run(context.Background(), db, []*extract.Network{network}, photos, ingest.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(report.New, "new,", report.Unchanged, "unchanged,", report.Computed, "computed")
	}
	// Output:
	// 3 new, 0 unchanged, 3 computed
	// 0 new, 3 unchanged, 0 computed
}

func paint(path string, c color.Color) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	img := image.NewGray(image.Rect(0, 0, 48, 48))
	for i := range img.Pix {
		img.Pix[i] = color.GrayModel.Convert(c).(color.Gray).Y
	}
	if err := png.Encode(f, img); err != nil {
		log.Fatal(err)
	}
}
