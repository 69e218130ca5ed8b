package photo

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"featstore/extract/internal/jpeg"
)

// TestScaleIsEnough: the smallest scale is chosen that leaves as many pixels as are
// asked for, in the part that is seen.
func TestScaleIsEnough(t *testing.T) {
	shorter := spec(224, RuleShorterSide, FilterBilinear, true)
	shorter.Side = 256
	for _, c := range []struct {
		p      Preprocess
		w, h   int
		reduce float32
		want   int
	}{
		{spec(320, RuleCenterSquare, FilterBicubic, true), 500, 375, 1, 1},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 4000, 639, 1, 1},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 4000, 640, 1, 2},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 1279, 4000, 1, 2},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 1280, 4000, 1, 4},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 4000, 3000, 1, 8},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 4000, 3000, 2, 4},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 4000, 3000, 0, 1},
		{spec(320, RuleCenterSquare, FilterBicubic, true), 20000, 20000, 1, 8},
		{spec(320, RuleSquash, FilterBicubic, true), 4000, 1000, 1, 2},
		{shorter, 2047, 3000, 1, 4},
		{shorter, 2048, 3000, 1, 8},
	} {
		c.p.JPEGReduce = c.reduce
		if got := jpegOptions(header{w: c.w, h: c.h}, &c.p).Scale; got != c.want {
			t.Errorf("%d×%d for %s: at 1/%d, want 1/%d", c.w, c.h, c.p.String(), got, c.want)
		}
	}
}

// TestSmallPhotosKeepTheirPixels: whether decoding may be reduced plays no part where there
// are not twice the pixels of the input.
func TestSmallPhotosKeepTheirPixels(t *testing.T) {
	data := smoothPhoto(t, 300, 199)
	p := spec(100, RuleCenterSquare, FilterBicubic, true)
	want, got := make([]float32, p.Len()), make([]float32, p.Len())
	if err := p.Pixels(want, data, Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	p.JPEGReduce = DefaultJPEGReduce
	if err := p.Pixels(got, data, Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("pixels differ")
	}
}

// TestViewsOfReducedPhotos: a view shows the same whichever others are asked for with it,
// and one that is enlarged shows the details that it does with full decoding.
func TestViewsOfReducedPhotos(t *testing.T) {
	data := smoothPhoto(t, 1003, 757)
	p := spec(80, RuleCenterSquare, FilterBicubic, true)
	full := p
	p.JPEGReduce = 1
	a, err := ParseAugment("flip,crop=60,scale=30,rotate=20")
	if err != nil {
		t.Fatal(err)
	}
	views := []View{{}, Mirrored()}
	for number := range uint64(6) {
		views = append(views, a.View(sha256.Sum256(data), number+1))
	}
	s, dst := new(Scratch), make([]float32, p.Len())
	var alone [][]float32
	for i, v := range views {
		if _, err := p.PrepareView(t.Context(), dst, data, v, Limits{}, s); err != nil {
			t.Fatal(err)
		}
		alone = append(alone, slices.Clone(dst))
		want := make([]float32, p.Len())
		if _, err := full.PrepareView(t.Context(), want, data, v, Limits{}, s); err != nil {
			t.Fatal(err)
		}
		d := meanDiff(dst, float64s(want))
		t.Logf("view %d differs by %.2f grey levels from one of the photo in full", i, d)
		if d > 2 {
			t.Errorf("view %d differs by %.1f grey levels from one of the photo in full", i, d)
		}
	}
	slices.Reverse(views)
	_, err = p.PrepareViews(t.Context(), dst, data, views, Limits{}, s, func(i int) error {
		if !slices.Equal(dst, alone[len(views)-1-i]) {
			t.Errorf("view %d differs with others", i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestViewsOfSmallPhotosDecodeOnce: where a photo is too small to be decoded at a reduced
// size, the plain view and those that are enlarged have one decoding. A further one would
// leave no trace of what the photo was given in between.
func TestViewsOfSmallPhotosDecodeOnce(t *testing.T) {
	data := smoothPhoto(t, 150, 120)
	p := spec(80, RuleCenterSquare, FilterBicubic, true)
	p.JPEGReduce = DefaultJPEGReduce
	a, err := ParseAugment("crop=10")
	if err != nil {
		t.Fatal(err)
	}
	s, dst := new(Scratch), make([]float32, p.Len())
	views := []View{{}, a.View(sha256.Sum256(data), 1)}
	warning, err := p.PrepareViews(t.Context(), dst, data, views, Limits{}, s, func(i int) error {
		if i == 0 {
			s.photo.Warning = "seen"
		}
		return nil
	})
	if err != nil || warning != "seen" {
		t.Errorf("the photo was decoded again: %q, %v", warning, err)
	}
}

// TestReducedPixelsAreTheSameOnEveryMachine: digests recorded on amd64. When one changes
// on purpose, pixelRevision rises.
func TestReducedPixelsAreTheSameOnEveryMachine(t *testing.T) {
	for _, c := range []struct {
		file        string
		size, scale int
		want        string
	}{
		{"420-even", 24, 2, "b4aca48cfbdcb48d"},
		{"420-even", 9, 4, "c94487b77ca687d7"},
		{"420-even", 5, 8, "c79fa0a6d2b06e72"},
		{"422", 7, 4, "17a5411d4ca48678"},
		{"422", 3, 8, "10a34054b6578d47"},
		{"progressive", 4, 8, "43fed3a6d3b938f3"},
		{"cmyk", 6, 4, "c949af8f5460230d"},
	} {
		data := readFile(t, "../internal/jpeg/testdata/"+c.file+".jpg")
		h := sha256.New()
		for _, filter := range []string{FilterBicubic, FilterBilinear} {
			p := spec(c.size, RuleCenterSquare, filter, true)
			p.JPEGReduce = 1
			s, dst := new(Scratch), make([]float32, p.Len())
			var d jpeg.Decoder
			config, err := d.DecodeConfig(data)
			if err != nil {
				t.Fatal(err)
			}
			if opt := jpegOptions(header{w: config.Width, h: config.Height}, &p); opt.Scale != c.scale {
				t.Errorf("%s to %d pixels is decoded at 1/%d, want 1/%d", c.file, c.size, opt.Scale, c.scale)
			}
			if err := p.Pixels(dst, data, Limits{}, s); err != nil {
				t.Fatal(err)
			}
			hashFloats(h, dst)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%s to %d pixels: %s, recorded %s", c.file, c.size, got, c.want)
		}
	}
}
