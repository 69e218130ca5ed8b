package photo

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/draw"
)

// benchPhoto is a 500×375 photo of the shared set.
func benchPhoto(b *testing.B) []byte {
	data, err := os.ReadFile(filepath.Join(shared(b, "flower_photos"), "daisy", "10140303196_b88d3d6cec.jpg"))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkDecode is what image/jpeg needs for the same photo, and this package:
// a photo of the shared set, 4:4:4, and one as cameras make them, 4:2:0.
func BenchmarkDecode(b *testing.B) {
	b.Run("444", func(b *testing.B) { benchDecode(b, benchPhoto(b)) })
	b.Run("420", func(b *testing.B) { benchDecode(b, smoothPhoto(b, 2000, 1500)) })
}

func benchDecode(b *testing.B, data []byte) {
	p, _ := Preset("lite", 320, 320)
	b.Run("image-jpeg", func(b *testing.B) {
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("featstore", func(b *testing.B) {
		b.ReportAllocs()
		s := new(Scratch)
		for b.Loop() {
			if _, err := p.Decode(data, Limits{}, s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFill is cutting, scaling and normalising alone, to the default
// network's 320×320.
func BenchmarkFill(b *testing.B) {
	p, _ := Preset("lite", 320, 320)
	s, dst := new(Scratch), make([]float32, p.Len())
	ph, err := p.Decode(benchPhoto(b), Limits{}, s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Fill(dst, ph, s)
	}
}

// BenchmarkPixels is the whole way from a file's bytes.
func BenchmarkPixels(b *testing.B) {
	p, _ := Preset("lite", 320, 320)
	s, dst, data := new(Scratch), make([]float32, p.Len()), benchPhoto(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Pixels(dst, data, Limits{}, s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarge is the whole way from the bytes of a photo of 12 megapixels, decoded in full
// and at an eighth of its size.
func BenchmarkLarge(b *testing.B) {
	small, err := jpeg.Decode(bytes.NewReader(benchPhoto(b)))
	if err != nil {
		b.Fatal(err)
	}
	large := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	draw.CatmullRom.Scale(large, large.Rect, small, small.Bounds(), draw.Src, nil)
	var file bytes.Buffer
	if err := jpeg.Encode(&file, large, &jpeg.Options{Quality: 92}); err != nil {
		b.Fatal(err)
	}
	for name, reduce := range map[string]float32{"full": 0, "eighth": 1} {
		b.Run(name, func(b *testing.B) {
			p, _ := Preset("lite", 320, 320)
			p.JPEGReduce = reduce
			s, dst := new(Scratch), make([]float32, p.Len())
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Pixels(dst, file.Bytes(), Limits{}, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
