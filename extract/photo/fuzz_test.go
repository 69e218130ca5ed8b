package photo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// seed adds the repository's pictures and, where they are, the shared ones.
func seed(f *testing.F, add func(data []byte)) {
	for _, pattern := range []string{"testdata/*/*source.png", "testdata/formats/*.[wtb]*", "testdata/modes/*.[tbpg]*", "testdata/heif/*.[ha]*",
		"testdata/refused/*", "../internal/jpeg/testdata/*.jpg", "../../../shared/torture/*/*.*", "../../../shared/faults/*/*.*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			if data, err := os.ReadFile(name); err == nil && len(data) < 1<<16 {
				add(data)
			}
		}
	}
}

// FuzzPixels: whatever the bytes, a photo or an error of a known class, in every
// decoder.
func FuzzPixels(f *testing.F) {
	seed(f, func(data []byte) {
		f.Add(data, false)
		f.Add(data, true)
	})
	p := spec(8, RuleShorterSide, FilterBicubic, true)
	p.Side = 9
	s, dst := new(Scratch), make([]float32, p.Len())
	lim := Limits{MaxPixels: 1 << 20, Memory: NewMemory(DefaultMemory)}
	f.Fuzz(func(t *testing.T, data []byte, reduced bool) {
		if p.JPEGReduce = 0; reduced {
			p.JPEGReduce = 1
		}
		err := p.Pixels(dst, data, lim, s)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedFormat) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("error of no known class: %v", err)
		}
		for i, v := range dst {
			if err == nil && !(v >= 0 && v <= 255) {
				t.Fatalf("value %d is %v", i, v)
			}
		}
	})
}

// FuzzMemory: whatever the bytes, decoding allocates no more than was estimated from
// the header.
func FuzzMemory(f *testing.F) {
	seed(f, func(data []byte) {
		f.Add(data, false)
		f.Add(data, true)
	})
	lim := Limits{MaxPixels: 1 << 20, Memory: NewMemory(DefaultMemory)}
	for _, name := range []string{"testdata/heif/420.heic", "testdata/heif/420.avif"} { // compiles the decoders
		p := spec(8, RuleSquash, FilterBilinear, true)
		if err := p.Pixels(make([]float32, p.Len()), readFile(f, name), lim, nil); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, reduced bool) {
		p := spec(8, RuleSquash, FilterBilinear, true)
		if reduced {
			p.JPEGReduce = 1
		}
		s := new(Scratch)
		src, err := open(data, &p, lim, s)
		if err != nil {
			return
		}
		const slack = 1 << 20 // tables, messages
		if n := int64(allocated(func() { src.photo(t.Context(), &p, s) })); n > src.need+slack {
			t.Fatalf("a %s of %d×%d takes %d bytes, estimated at %d", src.name, src.h.w, src.h.h, n, src.need)
		}
	})
}

// FuzzOrientation: whatever EXIF holds, an orientation.
func FuzzOrientation(f *testing.F) {
	f.Add([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x04\x00\x00\x00\x02\x00\x00\x00\x1a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := exifOrientation(data); o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		pngOrientation(data)
		riffChunk(data, "EXIF")
	})
}

// FuzzParseAugment: whatever the text, an error or an Augment whose text it is again.
func FuzzParseAugment(f *testing.F) {
	for _, text := range []string{"flip", "flip,crop=10,scale=10,brightness=10,color=20,rotate=5", "crop=0", "scale=101", "flip=1", "rotate=-1",
		" crop=+7", ",", "crop=1e1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAugment(text)
		if err != nil {
			return
		}
		if a == (Augment{}) {
			t.Fatalf("%q changes nothing", text)
		}
		if err := a.Validate(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if b, err := ParseAugment(a.String()); err != nil || a != b {
			t.Fatalf("%q is %+v; its text %q is %+v, %v", text, a, a, b, err)
		}
		if b, err := ParseCanonicalAugment(a.CanonicalString()); err != nil || a != b {
			t.Fatalf("%q is %+v; as recorded it is %+v, %v", text, a, b, err)
		}
	})
}
