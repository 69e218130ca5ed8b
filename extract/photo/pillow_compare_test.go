package photo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// tolerance is by how many grey levels a picture may differ from what Pillow makes of
// it: libwebp upsamples and converts chroma with other roundings, Pillow cuts off the
// lower 8 of 16 bits where here they are rounded.
func tolerance(file string) float64 {
	switch name := filepath.Base(file); {
	case filepath.Ext(name) == ".webp":
		return 3
	case name == "basn2c16.png", name == "basn4a16.png", name == "rgb-16.png", name == "rgb-16-interlaced.png", name == "tiled-16.tiff",
		name == "rgb-16-big-endian.tiff":
		return 1
	case name == "premultiplied.tiff": // divides by the opacity first
		return 3
	case name == "hopper_bad_exif.jpg": // damaged: what stands in differs
		return 255
	}
	return 0
}

// TestPixelsAgainstPillow compares every valid picture that there is with what
// Pillow makes of it, pixel by pixel.
func TestPixelsAgainstPillow(t *testing.T) {
	python := pillow(t)
	dir := t.TempDir()
	names := map[string]string{}
	for _, from := range []string{"testdata/formats", "testdata/modes", "../../../shared/torture/good", "../../../shared/torture/orientation",
		"../../../shared/faults/jpeg-sampling", "../../../shared/faults/tiff"} {
		if _, err := os.Stat(from); err != nil {
			continue
		}
		for _, file := range files(t, from) {
			if e := filepath.Ext(file); e == ".py" || e == ".json" || filepath.Base(file) == "rle-8-delta.bmp" {
				continue // Pillow wants every pixel to be written
			}
			name := filepath.Base(from) + "-" + filepath.Base(file)
			names[name] = file
			if err := os.WriteFile(filepath.Join(dir, name), readFile(t, file), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	python.run(t, "rgb", dir)
	for name, file := range names {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join(dir, name+".raw"))
			if err != nil {
				t.Fatal("Pillow does not decode it")
			}
			got, w, h, err := decodePlain(readFile(t, file))
			if errors.Is(err, ErrUnsupportedFormat) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d×%d, Pillow has another size", w, h)
			}
			worst := 0.0
			for i, v := range got {
				worst = max(worst, float64(v)-float64(want[i]), float64(want[i])-float64(v))
			}
			if worst > tolerance(file) {
				t.Errorf("differs by up to %.0f grey levels", worst)
			}
		})
	}
}

// decodePlain returns a picture's pixels as they are, upright.
func decodePlain(data []byte) (pixels []float32, w, h int, err error) {
	_, w, h, err = DecodeConfig(data)
	if err != nil {
		return nil, 0, 0, err
	}
	p := asItIs(w, h)
	pixels = make([]float32, p.Len())
	return pixels, w, h, p.Pixels(pixels, data, Limits{}, nil)
}
