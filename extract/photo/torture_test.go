package photo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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

// TestUnusualJPEGsReduced: at a half, a quarter and an eighth of the size, components of odd
// files are within two levels of what Pillow's libjpeg-turbo makes of them, where it
// reduces as far.
func TestUnusualJPEGsReduced(t *testing.T) {
	python := pillow(t)
	root := shared(t, "torture")
	s := new(Scratch)
	compared := 0
	for how, scale := range map[string]int{"half": 2, "quarter": 4, "eighth": 8} {
		dir := t.TempDir()
		for _, from := range []string{"good", "orientation"} {
			for _, file := range files(t, filepath.Join(root, from)) {
				data := readFile(t, file)
				if h, err := jpegHeader(data, s); err != nil || filepath.Base(file) == "hopper_bad_exif.jpg" || h.w < 2*scale || h.h < 2*scale {
					continue // no JPEG, damaged, or too small
				}
				if err := os.WriteFile(filepath.Join(dir, from+"-"+filepath.Base(file)), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		python.run(t, how, dir)
		for _, raw := range files(t, dir) {
			if filepath.Ext(raw) == ".raw" {
				compareReduced(t, s, raw, scale)
				compared++
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d files were compared", compared)
	}
}

// compareReduced compares the components of a JPEG with Pillow's, which lie in FILE.raw.
func compareReduced(t *testing.T, s *Scratch, raw string, scale int) {
	t.Helper()
	data, want := readFile(t, strings.TrimSuffix(raw, ".raw")), readFile(t, raw)
	h, err := jpegHeader(data, s)
	if err != nil {
		t.Fatal(err)
	}
	components := componentsAt(t, s, data, h.w, h.h, scale)
	if len(components) == 4 {
		return // Pillow converts these
	}
	if len(want) != len(components)*len(components[0]) {
		t.Errorf("%s at 1/%d: %d components of %d samples, Pillow has %d", filepath.Base(raw), scale, len(components), len(components[0]), len(want))
		return
	}
	worst := 0
	for c, got := range components {
		for i, v := range got {
			d := int(v) - int(want[i*len(components)+c])
			worst = max(worst, d, -d)
		}
	}
	if worst > 2 {
		t.Errorf("%s at 1/%d: differs by up to %d levels", filepath.Base(raw), scale, worst)
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
