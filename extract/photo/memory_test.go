package photo

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"featstore/extract/internal/jpeg/jpegtest"
)

// rawPNG writes a PNG of any colour type, depth and interlacing, black all over.
func rawPNG(w, h int, colorType, depth byte, interlaced bool) []byte {
	channels := map[byte]int{pngGray: 1, pngRGB: 3, pngPalette: 1, pngGrayAlpha: 2, pngRGBA: 4}[colorType]
	var raw bytes.Buffer
	z := zlib.NewWriter(&raw)
	pass := func(w, h int) {
		if w > 0 && h > 0 {
			z.Write(make([]byte, h*(1+(w*channels*int(depth)+7)/8)))
		}
	}
	if !interlaced {
		pass(w, h)
	} else {
		for _, p := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
			pass((w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3])
		}
	}
	z.Close()
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, content []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
		out = append(append(out, name...), content...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[len(out)-len(content)-4:]))
	}
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	adam7 := byte(0)
	if interlaced {
		adam7 = 1
	}
	chunk("IHDR", append(ihdr, depth, colorType, 0, 0, adam7))
	if colorType == pngPalette {
		chunk("PLTE", make([]byte, 3*2))
	}
	chunk("IDAT", raw.Bytes())
	chunk("IEND", nil)
	return out
}

// largeFiles are pictures of a megapixel or so in every form that memory depends on.
func largeFiles(t testing.TB) map[string][]byte {
	const w, h = 1201, 799
	out := map[string][]byte{}
	for _, depth := range []byte{1, 8, 16} {
		for _, c := range []struct {
			name string
			kind byte
		}{{"grey", pngGray}, {"rgb", pngRGB}, {"palette", pngPalette}, {"grey-alpha", pngGrayAlpha}, {"rgba", pngRGBA}} {
			if depth == 1 && c.kind != pngGray && c.kind != pngPalette || depth == 16 && c.kind == pngPalette {
				continue
			}
			name := c.name + map[byte]string{1: "-1", 8: "-8", 16: "-16"}[depth] + ".png"
			out[name] = rawPNG(w, h, c.kind, depth, false)
			out["interlaced-"+name] = rawPNG(w, h, c.kind, depth, true)
		}
	}
	encode := func(name string, err error, b *bytes.Buffer) {
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b.Bytes()
	}
	rgb := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(rgb, rgb.Rect, image.NewUniform(color.NRGBA{200, 100, 50, 255}), image.Point{}, draw.Src)
	pal := image.NewPaletted(rgb.Rect, palette.Plan9)
	var b bytes.Buffer
	encode("palette.gif", gif.Encode(&b, pal, nil), &b)
	for name, m := range map[string]image.Image{"rgb": rgb, "palette": pal, "grey": image.NewGray(rgb.Rect), "rgb-16": image.NewNRGBA64(rgb.Rect),
		"grey-16": image.NewGray16(rgb.Rect)} {
		for kind, c := range map[string]tiff.CompressionType{"raw": tiff.Uncompressed, "deflate": tiff.Deflate} {
			var b bytes.Buffer
			encode(name+"-"+kind+".tiff", tiff.Encode(&b, m, &tiff.Options{Compression: c}), &b)
		}
		if !strings.Contains(name, "16") {
			var b bytes.Buffer
			encode(name+".bmp", bmp.Encode(&b, m), &b)
		}
	}
	var j bytes.Buffer
	encode("go.jpg", jpeg.Encode(&j, rgb, nil), &j)
	for name, hv := range map[string][]int{"420": {2, 1, 1}, "444": {1, 1, 1}, "ink": {1, 1, 1, 1}} {
		for _, progressive := range []bool{false, true} {
			p := &jpegtest.Picture{Width: w, Height: h, H: hv, V: hv, Progressive: progressive, Interleaved: true}
			p.Fill(rand.New(rand.NewPCG(1, 1)))
			kind := "baseline-"
			if progressive {
				kind = "progressive-"
			}
			out[kind+name+".jpg"] = p.Encode()
		}
	}
	for _, file := range files(t, "testdata/formats") {
		if filepath.Ext(file) == ".webp" {
			out[filepath.Base(file)] = readFile(t, file)
		}
	}
	return out
}

// TestMemoryEstimates: what a photo is estimated at before it is decoded is no less
// than what is then allocated, garbage included, and not absurdly more.
func TestMemoryEstimates(t *testing.T) {
	for name, data := range largeFiles(t) {
		t.Run(name, func(t *testing.T) {
			p := spec(32, RuleSquash, FilterBilinear, true)
			full := checkEstimate(t, name, data, &p)
			if p.JPEGReduce = 1; strings.HasSuffix(name, ".jpg") {
				if reduced := checkEstimate(t, name, data, &p); reduced >= full {
					t.Errorf("decoded at an eighth, estimated at %d bytes; in full %d", reduced, full)
				}
			}
		})
	}
}

func checkEstimate(t *testing.T, name string, data []byte, p *Preprocess) (need int64) {
	t.Helper()
	s := new(Scratch)
	src, err := open(data, p, Limits{}, s)
	if err != nil {
		t.Fatal(err)
	}
	took := int64(allocated(func() { _, err = src.photo(t.Context(), p, s) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d×%d: %.1f bytes a pixel, estimated %.1f", src.h.w, src.h.h, float64(took)/float64(src.h.pixels()), float64(src.need)/float64(src.h.pixels()))
	if took > src.need {
		t.Errorf("takes %d bytes, estimated at %d", took, src.need)
	}
	compressed := strings.HasSuffix(name, "deflate.tiff") // how much is in it cannot be known
	if src.need > 2*took+1<<20 && !compressed {
		t.Errorf("takes %d bytes, estimated at %d", took, src.need)
	}
	return src.need
}

// TestMemoryIsShared: a photo waits while others have what it needs, until its
// context ends; what it needed is free again afterwards, also after an error.
func TestMemoryIsShared(t *testing.T) {
	data := rawPNG(300, 200, pngRGB, 8, false)
	p := spec(8, RuleSquash, FilterBilinear, true)
	dst := make([]float32, p.Len())
	m := NewMemory(4 << 20)
	lim := Limits{Memory: m}
	prepare := func(ctx context.Context, data []byte) error {
		_, err := p.Prepare(ctx, dst, data, lim, new(Scratch))
		return err
	}
	others, err := m.wait(context.Background(), 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := prepare(ctx, data); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("with no memory free: got %v, want to wait until the context ends", err)
	}
	waited := make(chan error)
	go func() { waited <- prepare(context.Background(), data) }()
	others()
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	if err := prepare(context.Background(), data[:len(data)-40]); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a truncated file: got %v", err)
	}
	if !m.free.TryAcquire(4 << 20) {
		t.Error("not all is free again")
	}
	m.free.Release(4 << 20)
	large := rawPNG(3000, 2000, pngRGB, 16, true)
	if err := prepare(context.Background(), large); !errors.Is(err, ErrTooLarge) ||
		!strings.Contains(err.Error(), "3000×2000 pixels take 92 MB, one photo may take 2 MB") {
		t.Errorf("a photo of more than half: got %v", err)
	}
}

// TestScratchKeepsLittle: a large photo is not kept by the Scratch it was prepared
// with.
func TestScratchKeepsLittle(t *testing.T) {
	p := spec(8, RuleSquash, FilterBilinear, true)
	dst := make([]float32, p.Len())
	large := &jpegtest.Picture{Width: 4000, Height: 4400, H: []int{1, 1, 1}, V: []int{1, 1, 1}, Interleaved: true}
	large.Fill(rand.New(rand.NewPCG(1, 1)))
	for name, data := range map[string][]byte{"png": rawPNG(5000, 3000, pngRGB, 8, false), "jpeg": large.Encode()} {
		s := new(Scratch)
		before := live()
		if err := p.Pixels(dst, data, Limits{}, s); err != nil {
			t.Fatal(err)
		}
		if kept := live() - before; kept > 1<<20 {
			t.Errorf("%s: %d bytes are kept", name, kept)
		}
		s.line = append(s.line, 0) // s lives until here
	}
}

// live returns the bytes of the heap that something refers to.
func live() int {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
