package drawn

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

func encode(t *testing.T, kind string, n int, seed uint64) []byte {
	t.Helper()
	img, err := Picture(kind, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPicturesDependOnTheirArgumentsAlone(t *testing.T) {
	seen := map[string]string{}
	for _, kind := range Kinds {
		for n := range 3 {
			for seed := range uint64(2) {
				b := encode(t, kind, n, seed)
				if again := encode(t, kind, n, seed); !bytes.Equal(b, again) {
					t.Errorf("%s %d seed %d: drawn twice, differs", kind, n, seed)
				}
				if other, ok := seen[string(b)]; ok {
					t.Errorf("%s %d seed %d: the same picture as %s", kind, n, seed, other)
				}
				seen[string(b)] = kind
			}
		}
	}
}

func TestSized(t *testing.T) {
	for _, kind := range Kinds {
		img, err := Sized(kind, 1, 1, 150, 90)
		if err != nil || img.Bounds() != image.Rect(0, 0, 150, 90) {
			t.Errorf("%s: %v, %v", kind, img.Bounds(), err)
		}
	}
}

// A classifier that knows only the mean colour of a picture must do badly, or
// the demo would show nothing.
func TestColourAloneDoesNotTellKinds(t *testing.T) {
	const each = 24
	type sample struct {
		rgb  [3]float64
		kind int
	}
	var all []sample
	for k, kind := range Kinds {
		for n := range each {
			img, err := Picture(kind, n, 5)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, sample{middle(img.(*image.RGBA)), k})
		}
	}
	right := 0
	for i, a := range all { // one nearest neighbour, leaving out the picture itself
		best, kind := -1.0, -1
		for j, b := range all {
			if i == j {
				continue
			}
			d := 0.0
			for c := range 3 {
				d += (a.rgb[c] - b.rgb[c]) * (a.rgb[c] - b.rgb[c])
			}
			if best < 0 || d < best {
				best, kind = d, b.kind
			}
		}
		if kind == a.kind {
			right++
		}
	}
	if share := float64(right) / float64(len(all)); share > 0.6 {
		t.Errorf("the mean colour of the middle tells the kind in %.0f %% of pictures, want at most 60", 100*share)
	}
}

func middle(img *image.RGBA) (mean [3]float64) {
	r := img.Bounds()
	r = r.Inset(min(r.Dx(), r.Dy()) / 4)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := img.RGBAAt(x, y)
			mean[0], mean[1], mean[2] = mean[0]+float64(c.R), mean[1]+float64(c.G), mean[2]+float64(c.B)
		}
	}
	for c := range mean {
		mean[c] /= float64(r.Dx() * r.Dy())
	}
	return mean
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := Write(context.Background(), dir, 2, 1); err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds {
		names, err := filepath.Glob(filepath.Join(dir, kind, "*.jpg"))
		if err != nil || len(names) != 2 {
			t.Errorf("%s: %d pictures (%v), want 2", kind, len(names), err)
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jpeg.Decode(f); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f.Close()
		}
	}
	if _, err := Picture("orchid", 0, 1); err == nil {
		t.Error("an unknown kind was drawn")
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(stopped, t.TempDir(), 1, 1); err == nil {
		t.Error("Write ignored a cancelled context")
	}
}
