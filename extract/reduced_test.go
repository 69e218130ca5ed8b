package extract

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/image/draw"

	"featstore/extract/photo"
)

// TestFeaturesOfReducedPhotos: photos scaled up to those of phones have the features that
// they have with full decoding, nearly.
func TestFeaturesOfReducedPhotos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds a photo")
	}
	folder := shared(t, "flower_photos")
	zero := float32(0)
	full, err := DefaultWith(photo.Settings{JPEGReduce: &zero}, "")
	if err != nil {
		t.Fatal(err)
	}
	reduced, err := Default(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, shorter := range []int{640, 1280, 2560, 3000} { // of the first three no pixel to spare is left
		var cosines []float64
		for _, label := range []string{"daisy", "dandelion", "roses", "sunflowers", "tulips"} {
			names, err := filepath.Glob(filepath.Join(folder, label, "*.jpg"))
			if err != nil || len(names) == 0 {
				t.Fatalf("no photos: %v", err)
			}
			data := enlarged(t, names[0], shorter)
			cosines = append(cosines, cosine(vector(t, full, data), vector(t, reduced, data)))
		}
		slices.Sort(cosines)
		t.Logf("shorter side %d: cosines %.4f", shorter, cosines)
		if median := cosines[len(cosines)/2]; median < 0.995 {
			t.Errorf("shorter side %d: median cosine %.4f to full decoding", shorter, median)
		}
	}
}

// enlarged reads a photo and scales it until its shorter side has so many pixels.
func enlarged(t *testing.T, name string, shorter int) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	small, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	size := small.Bounds().Size()
	least := min(size.X, size.Y)
	large := image.NewRGBA(image.Rect(0, 0, size.X*shorter/least, size.Y*shorter/least))
	draw.CatmullRom.Scale(large, large.Rect, small, small.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, large, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
