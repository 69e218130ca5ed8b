package photo

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/internal/jpeg"
)

func TestParseAugmentErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                "there is no",
		"flip,,crop=1":    "there is no",
		"mirror":          `there is no "mirror"`,
		"flip=5":          "flip has no size",
		"crop":            "want crop=N, where N is 0 to 100 percent",
		"crop=10%":        "want crop=N",
		"scale=101":       "want scale=N",
		"brightness=100":  "0 to 99 percent",
		"rotate=46":       "0 to 45 degrees",
		"color=-1":        "want color=N",
		"crop=5,crop=10":  "crop is there twice",
		"crop=0":          "changes nothing",
		"crop=0,rotate=0": "changes nothing",
	} {
		if _, err := ParseAugment(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	if err := (Augment{Rotate: 46}).Validate(); err == nil {
		t.Error("a rotation by 46 degrees is valid")
	}
}

func drawAugment(t *rapid.T) Augment {
	a := Augment{Flip: rapid.Bool().Draw(t, "flip")}
	for _, d := range distortions {
		*d.field(&a) = rapid.OneOf(rapid.Just(0), rapid.IntRange(0, d.most)).Draw(t, d.name)
	}
	return a
}

func drawView(t *rapid.T) View {
	var digest [sha256.Size]byte
	digest[0] = rapid.Byte().Draw(t, "digest")
	return drawAugment(t).View(digest, rapid.Uint64().Draw(t, "view"))
}

// TestViewZeroIsThePlainPhoto, whatever the augmentation, as every view is without one.
func TestViewZeroIsThePlainPhoto(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if !drawAugment(t).View([sha256.Size]byte{}, 0).Plain() {
			t.Fatal("view 0 differs")
		}
		if n := rapid.Uint64().Draw(t, "view"); !(Augment{}).View([sha256.Size]byte{1}, n).Plain() {
			t.Fatalf("view %d differs without an augmentation", n)
		}
	})
}

// TestViewsLieInTheirBounds: whatever the photo and the view, values of pixels, out of
// the part that the plain photo shows.
func TestViewsLieInTheirBounds(t *testing.T) {
	s := new(Scratch)
	rapid.Check(t, func(t *rapid.T) {
		ph, p := drawPhoto(t)
		p.Mean, p.Std = same(0), same(1)
		ph.preprocess = p
		v := drawView(t)
		w, h := ph.Width, ph.Height
		plainX, plainY := p.axes(w, h)
		x, y := v.axes(&p, w, h)
		inside(t, plainX, x)
		inside(t, plainY, y)
		if v.angle == 0 && (x.out != p.Width || y.out != p.Height) {
			t.Fatalf("%d×%d pixels for an input of %d×%d", x.out, y.out, p.Width, p.Height)
		}
		dst := make([]float32, p.Len())
		for i := range dst {
			dst[i] = -1
		}
		if err := p.FillView(dst, ph, v, s); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if !(v >= 0 && v <= 255) {
				t.Fatalf("value %d is %v", i, v)
			}
		}
	})
}

// inside checks that a view keeps a part of what the plain photo keeps.
func inside(t *rapid.T, plain, view axisSpec) {
	if view.out < 1 || view.lo != plain.lo || view.hi != plain.hi {
		t.Fatalf("view %+v of %+v", view, plain)
	}
	if from, to := view.skip*plain.full, (view.skip+view.out)*plain.full; from < plain.skip*view.full || to > (plain.skip+plain.out)*view.full {
		t.Fatalf("view %+v leaves %+v", view, plain)
	}
}

// TestMirroredTwice: the mirrored view is the plain photo from right to left, to the
// bit, whatever the preparation and orientation.
func TestMirroredTwice(t *testing.T) {
	s := new(Scratch)
	rapid.Check(t, func(t *rapid.T) {
		ph, p := drawPhoto(t)
		v := drawView(t)
		other := v
		other.mirrored = !v.mirrored
		one, two := make([]float32, p.Len()), make([]float32, p.Len())
		if err := p.FillView(one, ph, v, s); err != nil {
			t.Fatal(err)
		}
		if err := p.FillView(two, ph, other, s); err != nil {
			t.Fatal(err)
		}
		for y := range p.Height {
			for x := range p.Width {
				a, b := one[3*(y*p.Width+x):][:3], two[3*(y*p.Width+p.Width-1-x):][:3]
				if a[0] != b[0] || a[1] != b[1] || a[2] != b[2] {
					t.Fatalf("row %d, column %d: %v, mirrored %v", y, x, a, b)
				}
			}
		}
	})
}

// TestRegionIsEnoughForViews: a JPEG decoded as far as the plain photo needs holds
// all that views show.
func TestRegionIsEnoughForViews(t *testing.T) {
	var files [][]byte
	names, _ := filepath.Glob("../internal/jpeg/testdata/*.jpg")
	for _, name := range names {
		files = append(files, readFile(t, name))
	}
	part, whole := new(Scratch), new(Scratch)
	rapid.Check(t, func(t *rapid.T) {
		_, p := drawPhoto(t)
		v := drawView(t)
		data := rapid.SampledFrom(files).Draw(t, "file")
		h, err := jpegHeader(data, part)
		if err != nil {
			t.Fatal(err)
		}
		poison(part, data)
		got, want := make([]float32, p.Len()), make([]float32, p.Len())
		fillFrom(t, &p, h, part, data, jpegOptions(h, &p), v, got)
		fillFrom(t, &p, h, whole, data, jpeg.Options{}, v, want)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("value %d: %v, with all of the photo %v", i, got[i], want[i])
			}
		}
	})
}

// TestDistortionsSpread over their whole range, and half of the views are mirrored.
func TestDistortionsSpread(t *testing.T) {
	a := Augment{Flip: true, Crop: 10, Scale: 20, Brightness: 30, Color: 40, Rotate: 20}
	const n = 10000
	mirrored := 0
	low, high := View{x: math.MaxUint32, y: math.MaxUint32}, View{}
	low.zoom = 10 * one
	for i := range uint64(n) {
		v := a.View([sha256.Size]byte{}, 1+i)
		if v.mirrored {
			mirrored++
		}
		low.zoom, high.zoom = min(low.zoom, v.zoom), max(high.zoom, v.zoom)
		low.brightness, high.brightness = min(low.brightness, v.brightness), max(high.brightness, v.brightness)
		low.contrast, high.contrast = min(low.contrast, v.contrast), max(high.contrast, v.contrast)
		low.saturation, high.saturation = min(low.saturation, v.saturation), max(high.saturation, v.saturation)
		low.angle, high.angle = min(low.angle, v.angle), max(high.angle, v.angle)
		low.x, high.x = min(low.x, v.x), max(high.x, v.x)
		low.y, high.y = min(low.y, v.y), max(high.y, v.y)
	}
	if mirrored != n/2 {
		t.Errorf("%d of %d views are mirrored", mirrored, n)
	}
	for name, r := range map[string][4]float64{ // lowest, highest, and what they should be
		"zoom":       {low.zoom.float(), high.zoom.float(), 0.1, 1.1*1.2 - 1},
		"brightness": {low.brightness.float(), high.brightness.float(), -0.3, 0.3},
		"contrast":   {low.contrast.float(), high.contrast.float(), -0.4, 0.4},
		"saturation": {low.saturation.float(), high.saturation.float(), -0.4, 0.4},
		"angle":      {low.angle.float(), high.angle.float(), -20, 20},
		"x":          {float64(low.x) / (1 << 32), float64(high.x) / (1 << 32), 0, 1},
		"y":          {float64(low.y) / (1 << 32), float64(high.y) / (1 << 32), 0, 1},
	} {
		slack := (r[3] - r[2]) * 0.002
		if math.Abs(r[0]-r[2]) > slack || math.Abs(r[1]-r[3]) > slack {
			t.Errorf("%s runs from %g to %g, want %g to %g", name, r[0], r[1], r[2], r[3])
		}
	}
}

func (f fixed) float() float64 { return float64(f) / float64(one) }

// TestRotationAgainstFloats: integers agree with math.Sincos.
func TestRotationAgainstFloats(t *testing.T) {
	for d := -45 * one; d <= 45*one; d += 997 {
		r := rotationBy(d)
		sin, cos := math.Sincos(d.float() * math.Pi / 180)
		if math.Abs(r.sin.float()-sin) > 0.6/float64(one) || math.Abs(r.cos.float()-cos) > 0.6/float64(one) {
			t.Fatalf("%g degrees: %g, %g, want %g, %g", d.float(), r.sin.float(), r.cos.float(), sin, cos)
		}
	}
}

// TestTurnedRamp: what is linear in the plain photo is linear in a turned one, with
// its gradient turned and divided by how much it is enlarged.
func TestTurnedRamp(t *testing.T) {
	const n = 64
	ph := newRGBX(n, n)
	for y := range n {
		for x := range n {
			copy(ph.planes[0].pix[4*(y*n+x):], []byte{byte(2 * x), byte(2 * y), 0})
		}
	}
	p := spec(n, RuleCenterSquare, FilterBilinear, true)
	ph.preprocess, ph.Width, ph.Height = p, n, n
	dst := make([]float32, p.Len())
	for _, degrees := range []fixed{10, -10, 30} {
		v := View{angle: degrees * one, x: 1 << 31, y: 1 << 31}
		if err := p.FillView(dst, ph, v, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		x, _ := v.axes(&p, n, n)
		sin, cos := math.Sincos(float64(degrees) * math.Pi / 180)
		enlarged := float64(x.full) / n
		mid := float64(n-1) / 2
		for y := range n {
			for x := range n {
				dx, dy := float64(x)-mid, float64(y)-mid
				wantX, wantY := 2*(mid+(dx*cos-dy*sin)/enlarged), 2*(mid+(dx*sin+dy*cos)/enlarged)
				got := dst[3*(y*n+x):]
				if math.Abs(float64(got[0])-wantX) > 2.5 || math.Abs(float64(got[1])-wantY) > 2.5 {
					t.Fatalf("%d degrees at %d,%d: %v, want %.1f, %.1f", degrees, x, y, got[:2], wantX, wantY)
				}
			}
		}
	}
}

// TestColorChanges against the definitions, in floats.
func TestColorChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) fixed { return fixed(rapid.IntRange(-int(one)*99/100, int(one)*99/100).Draw(t, name)) }
		v := View{brightness: draw("brightness"), contrast: draw("contrast"), saturation: draw("saturation")}
		change, changes := v.colors()
		if !changes {
			t.Skip("nothing changes")
		}
		pixel := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "pixel")
		grey := 0.299*float64(pixel[0]) + 0.587*float64(pixel[1]) + 0.114*float64(pixel[2])
		var want [3]float64
		for i := range want {
			x := grey + (float64(pixel[i])-grey)*(1+v.saturation.float())
			x = (x-128)*(1+v.contrast.float()) + 128
			want[i] = min(max(x*(1+v.brightness.float()), 0), 255)
		}
		change.apply(pixel)
		for i := range want {
			if math.Abs(float64(pixel[i])-want[i]) > 0.6 {
				t.Fatalf("%v, want %v", pixel, want)
			}
		}
	})
}

// TestViewsAreTheSameOnEveryMachine: digests of views' pixels, recorded on amd64. When
// one changes on purpose, augmentRevision rises.
func TestViewsAreTheSameOnEveryMachine(t *testing.T) {
	file := readFile(t, filepath.Join("testdata", "resize", "wide_source.png"))
	p := spec(48, RuleCenterSquare, FilterBicubic, true)
	tf := spec(48, RuleSquash, FilterTFBilinear, false)
	for _, c := range []struct {
		augment string
		p       *Preprocess
		want    string
	}{
		{"flip", &p, "5204650bb1dedb54"},
		{"flip,crop=10,scale=10,brightness=10", &p, "9472e0c4631d7fa0"},
		{"rotate=20", &p, "489c2e2b1aa53a1b"},
		{"flip,crop=30,scale=50,brightness=40,color=50,rotate=45", &p, "4566cccecc9dbc65"},
		{"flip,crop=10,scale=10", &tf, "2aea8755c7604e1a"},
		{"flip,crop=10,scale=10,brightness=10,color=20,rotate=5", &tf, "6a06759cae4f8d03"},
	} {
		a, err := ParseAugment(c.augment)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		dst := make([]float32, c.p.Len())
		for number := range uint64(6) {
			if _, err := c.p.PrepareView(t.Context(), dst, file, a.View(sha256.Sum256(file), number), Limits{}, new(Scratch)); err != nil {
				t.Fatal(err)
			}
			hashFloats(h, dst)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%s, %s: %s, recorded %s", c.augment, c.p.Filter, got, c.want)
		}
	}
}

func hashFloats(h hash.Hash, values []float32) {
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
}
