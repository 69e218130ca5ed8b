package photo

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
)

// TestUnusualPictures decodes valid files of every odd kind and compares with
// what Pillow makes of them, at 8×8. One grey level is for the order of passes, where a
// picture is tall or rotated, and for roundings of 16-bit samples and of
// transparency that differ.
func TestUnusualPictures(t *testing.T) {
	root := shared(t, "torture")
	var want map[string][]float64
	if err := json.Unmarshal(readFile(t, "testdata/thumbnails/thumbnails.json"), &want); err != nil {
		t.Fatal(err)
	}
	p := spec(8, RuleSquash, FilterBilinear, true)
	s := new(Scratch)
	// Some rows of blocks are damaged beyond repair, and what stands in for them
	// differs.
	damaged := map[string]bool{"good/hopper_bad_exif.jpg": true}
	for _, dir := range []string{"good", "orientation"} {
		for _, file := range files(t, filepath.Join(root, dir)) {
			name := dir + "/" + filepath.Base(file)
			t.Run(name, func(t *testing.T) {
				got := make([]float32, p.Len())
				ph, err := p.Decode(readFile(t, file), Limits{}, s)
				if err != nil {
					t.Fatal(err)
				}
				if (ph.Warning != "") != damaged[name] {
					t.Errorf("warning %q", ph.Warning)
				}
				if err := p.Fill(got, ph, s); err != nil {
					t.Fatal(err)
				}
				if want[name] == nil {
					t.Fatal("no thumbnail recorded: run testdata/thumbnails/make_reference.py")
				}
				if d := maxDiff(got, want[name]); d > 1 && !damaged[name] {
					t.Errorf("differs from Pillow's by up to %.1f grey levels", d)
				}
			})
		}
	}
}

// TestOrientations: the same landscape stored in eight ways is the same picture.
// The eight files were compressed separately, so their pixels differ.
func TestOrientations(t *testing.T) {
	dir := shared(t, "torture", "orientation")
	p := spec(64, RuleSquash, FilterBicubic, true)
	pixels := func(name string) []float32 {
		dst := make([]float32, p.Len())
		if err := p.Pixels(dst, readFile(t, filepath.Join(dir, name)), Limits{}, nil); err != nil {
			t.Fatal(err)
		}
		for y := 25; y < 37; y++ { // a digit in the middle tells the files apart
			clear(dst[(y*64+28)*3 : (y*64+36)*3])
		}
		return dst
	}
	var want []float64
	for _, v := range pixels("Landscape_1.jpg") {
		want = append(want, float64(v))
	}
	for o := 2; o <= 8; o++ {
		name := "Landscape_" + string(rune('0'+o)) + ".jpg"
		got := pixels(name)
		if d := maxDiff(got, want); d > 12 {
			t.Errorf("%s differs by up to %.1f grey levels from the upright file", name, d)
		}
		if d := meanDiff(got, want); d > 0.6 {
			t.Errorf("%s differs by %.2f grey levels on average", name, d)
		}
	}
}

func meanDiff(got []float32, want []float64) float64 {
	sum := 0.0
	for i, v := range want {
		sum += max(float64(got[i])-v, v-float64(got[i]))
	}
	return sum / float64(len(want))
}

// TestHostilePictures: damaged and lying files are refused with one of the
// package's errors, and without allocating what they do not contain.
func TestHostilePictures(t *testing.T) {
	harmless := map[string]bool{
		// A valid progressive JPEG that once crashed a decoder.
		"316be81dfdeeb942e904feb3a77f4f83.jpg": true,
	}
	p := spec(8, RuleSquash, FilterBilinear, true)
	dst := make([]float32, p.Len())
	for _, file := range files(t, shared(t, "torture", "hostile")) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data := readFile(t, file)
			var err error
			got := allocated(func() { err = p.Pixels(dst, data, Limits{}, new(Scratch)) })
			if err == nil && !harmless[name] {
				t.Error("decoded without an error")
			}
			if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedFormat) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error of no known class: %v", err)
			}
			t.Logf("%d bytes allocated: %v", got, err)
			if limit := uint64(2<<20 + 16*1443*1071); got > limit {
				t.Errorf("allocated %d bytes, more than %d", got, limit)
			}
		})
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
