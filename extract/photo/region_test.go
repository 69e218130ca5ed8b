package photo

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/internal/jpeg"
)

// TestRegionIsEnough: decoding only the part of a JPEG that is needed changes
// nothing, whatever the preprocessing and orientation.
func TestRegionIsEnough(t *testing.T) {
	var files [][]byte
	names, _ := filepath.Glob("../internal/jpeg/testdata/*.jpg")
	for _, name := range names {
		files = append(files, readFile(t, name))
	}
	part, whole := new(Scratch), new(Scratch)
	rapid.Check(t, func(t *rapid.T) {
		ph, p := drawPhoto(t)
		data := rapid.SampledFrom(files).Draw(t, "file")
		h, err := jpegHeader(data, part)
		if err != nil {
			t.Fatal(err)
		}
		h.orientation = orientation(ph.Orientation)
		if p.Antialias {
			p.JPEGReduce = rapid.SampledFrom([]float32{0, 1, 1.5, 2}).Draw(t, "reduce")
		}
		poison(part, data)
		got, want := make([]float32, p.Len()), make([]float32, p.Len())
		fillFrom(t, &p, h, part, data, jpegOptions(h, &p), View{}, got)
		fillFrom(t, &p, h, whole, data, jpeg.Options{Scale: jpegOptions(h, &p).Scale}, View{}, want)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("value %d: %v, with all of the photo %v", i, got[i], want[i])
			}
		}
	})
}

// poison leaves other pixels in the decoder's memory.
func poison(s *Scratch, data []byte) {
	m, err := s.jpeg.Decode(data, jpeg.Options{})
	if err != nil {
		return
	}
	for _, p := range m.Planes {
		fill(p.Pix, 93)
	}
}

func fillFrom(t *rapid.T, p *Preprocess, h header, s *Scratch, data []byte, opt jpeg.Options, v View, dst []float32) {
	m, err := s.jpeg.Decode(data, opt)
	if err != nil {
		t.Fatal(err)
	}
	ph := photoFromJPEG(m, &s.photo)
	ph.Orientation, ph.preprocess = int(h.orientation), *p
	ph.Width, ph.Height = h.upright()
	if err := p.FillView(dst, ph, v, s); err != nil {
		t.Fatal(err)
	}
}

// smoothPhoto draws a large photo with structure at every scale, as photos have.
func smoothPhoto(t testing.TB, w, h int) []byte {
	rng := rand.New(rand.NewPCG(1, 9))
	type wave struct{ x, y, phase, amplitude float64 }
	var waves [3][]wave
	for c := range waves {
		for f := 1.0; f < 200; f *= 1.5 {
			a := rng.Float64() * 2 * math.Pi
			waves[c] = append(waves[c], wave{f * math.Cos(a) * 2 * math.Pi / float64(w), f * math.Sin(a) * 2 * math.Pi / float64(w),
				rng.Float64() * 6, 60 / math.Sqrt(f)})
		}
	}
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var v [3]uint8
			for c := range waves {
				sum := 128.0
				for _, k := range waves[c] {
					sum += k.amplitude * math.Sin(k.x*float64(x)+k.y*float64(y)+k.phase)
				}
				v[c] = uint8(max(0, min(255, sum)))
			}
			m.SetRGBA(x, y, color.RGBA{v[0], v[1], v[2], 255})
		}
	}
	var buf bytes.Buffer
	if err := stdjpeg.Encode(&buf, m, &stdjpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestReducedDecoding: at twice the pixels that are needed or more, decoding at
// a reduced size changes the result by no more than fine detail does.
func TestReducedDecoding(t *testing.T) {
	data := smoothPhoto(t, 1003, 757)
	for _, size := range []int{150, 80, 40} {
		p := spec(size, RuleCenterSquare, FilterBicubic, true)
		full, reduced := make([]float32, p.Len()), make([]float32, p.Len())
		if err := p.Pixels(full, data, Limits{}, nil); err != nil {
			t.Fatal(err)
		}
		p.JPEGReduce = 2
		s := new(Scratch)
		if err := p.Pixels(reduced, data, Limits{}, s); err != nil {
			t.Fatal(err)
		}
		if s.photo.storedW > 1003/2+1 {
			t.Fatalf("%d pixels: decoded at %d columns, not reduced", size, s.photo.storedW)
		}
		sum := 0.0
		for i := range full {
			sum += float64(full[i]-reduced[i]) * float64(full[i]-reduced[i])
		}
		if rms := math.Sqrt(sum / float64(len(full))); rms > 1.5 {
			t.Errorf("%d pixels from %d columns: differs by %.2f grey levels (root mean square)", size, s.photo.storedW, rms)
		} else {
			t.Logf("%d pixels from %d columns: rms difference %.2f", size, s.photo.storedW, rms)
		}
	}
}
