package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/png"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// pattern is a small picture without symmetry.
func pattern(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(20 * x), uint8(15 * y), uint8(200 - 7*x - 3*y), 255})
		}
	}
	return m
}

// plain returns a picture's pixels as they are.
func plain(t testing.TB, data []byte) (pixels []float32, w, h int) {
	t.Helper()
	return plainWithin(t, data, Limits{})
}

func plainWithin(t testing.TB, data []byte, lim Limits) (pixels []float32, w, h int) {
	t.Helper()
	_, w, h, err := DecodeConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	p := Preprocess{Width: w, Height: h, Rule: RuleSquash, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Std: same(1)}
	pixels = make([]float32, p.Len())
	if err := p.Pixels(pixels, data, lim, nil); err != nil {
		t.Fatal(err)
	}
	return pixels, w, h
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOtherPrograms reads what Go cannot write (testdata/formats/make_reference.py).
func TestOtherPrograms(t *testing.T) {
	for _, file := range files(t, "testdata/formats") {
		if filepath.Ext(file) == ".png" || filepath.Ext(file) == ".py" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, _, _ := plain(t, readFile(t, file))
			// libwebp upsamples and converts chroma with other roundings.
			tolerance := 0.0
			if strings.HasSuffix(file, ".webp") {
				tolerance = 3
			}
			if d := maxDiff(got, pngPixels(t, file+".png")); d > tolerance {
				t.Errorf("differs by up to %.1f grey levels", d)
			}
		})
	}
}

// TestOrientationOfLossless: a picture stored in each of the eight ways is the
// same, exactly, in PNG and TIFF; DecodeConfig says its upright size.
func TestOrientationOfLossless(t *testing.T) {
	upright := pattern(9, 6)
	want, _, _ := plain(t, encodePNG(t, upright))
	for o := 1; o <= 8; o++ {
		w, h := 9, 6
		if o >= 5 {
			w, h = h, w
		}
		stored := image.NewNRGBA(image.Rect(0, 0, w, h))
		for y := range 6 {
			for x := range 9 {
				// Where an upright pixel is stored.
				at := [...][2]int{{}, {x, y}, {8 - x, y}, {8 - x, 5 - y}, {x, 5 - y}, {y, x}, {y, 8 - x}, {5 - y, 8 - x}, {5 - y, x}}[o]
				stored.SetNRGBA(at[0], at[1], upright.NRGBAAt(x, y))
			}
		}
		exif := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
		exif[19] = byte(o)
		var tif bytes.Buffer
		if err := tiff.Encode(&tif, stored, nil); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{
			"png": withChunk(encodePNG(t, stored), "eXIf", exif), "tiff": withTag(tif.Bytes(), tagOrientation, uint16(o)),
		} {
			got, gw, gh := plain(t, data)
			if gw != 9 || gh != 6 {
				t.Fatalf("%s, orientation %d: %d×%d, want 9×6", name, o, gw, gh)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%s, orientation %d: value %d is %v, want %v", name, o, i, got[i], want[i])
				}
			}
		}
	}
}

// withChunk puts a chunk in front of a PNG's end.
func withChunk(data []byte, name string, content []byte) []byte {
	const iend = 12
	out := append([]byte{}, data[:len(data)-iend]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
	out = append(append(out, name...), content...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[len(out)-len(content)-4:]))
	return append(out, data[len(data)-iend:]...)
}

// withTag copies a little-endian TIFF's directory to its end with one entry more.
func withTag(data []byte, tag, value uint16) []byte {
	le := binary.LittleEndian
	out := append([]byte{}, data...)
	at := int(le.Uint32(data[4:]))
	n := int(le.Uint16(data[at:]))
	le.PutUint32(out[4:], uint32(len(out)))
	out = le.AppendUint16(out, uint16(n+1))
	added := false
	for i := 0; i <= n; i++ {
		if i == n || !added && le.Uint16(data[at+2+12*i:]) > tag {
			if !added {
				out = le.AppendUint32(le.AppendUint16(le.AppendUint16(out, tag), 3), 1)
				out = le.AppendUint32(out, uint32(value))
				added = true
			}
			if i == n {
				break
			}
		}
		out = append(out, data[at+2+12*i:][:12]...)
	}
	return le.AppendUint32(out, 0)
}

// TestPixelTypes: every kind of picture Go's libraries decode to.
func TestPixelTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		m    image.Image
		want [3]float32 // of pixel 0, 0
	}{
		{"grey", filled(image.NewGray(image.Rect(0, 0, 2, 2)), color.Gray{77}), [3]float32{77, 77, 77}},
		{"16-bit grey", filled(image.NewGray16(image.Rect(0, 0, 2, 2)), color.Gray16{0x4e00}), [3]float32{78, 78, 78}},
		{"16-bit", filled(image.NewNRGBA64(image.Rect(0, 0, 2, 2)), color.NRGBA64{0xffff, 0x8080, 0x00ff, 0xffff}), [3]float32{255, 128, 1}},
		{"half transparent", filled(image.NewNRGBA(image.Rect(0, 0, 2, 2)), color.NRGBA{200, 0, 255, 51}), [3]float32{244, 204, 255}},
		{"16-bit half transparent", filled(image.NewNRGBA64(image.Rect(0, 0, 2, 2)), color.NRGBA64{200 * 257, 0, 0xffff, 51 * 257}), [3]float32{244, 204, 255}},
		{"transparent", filled(image.NewNRGBA(image.Rect(0, 0, 2, 2)), color.NRGBA{1, 2, 3, 0}), [3]float32{255, 255, 255}},
		{"transparent palette", image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.Transparent, color.Black}), [3]float32{255, 255, 255}},
		{"palette", image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.RGBA{9, 8, 7, 255}, color.Black}), [3]float32{9, 8, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, _ := plain(t, encodePNG(t, c.m))
			if [3]float32(got[:3]) != c.want {
				t.Errorf("first pixel %v, want %v", got[:3], c.want)
			}
		})
	}
}

func filled[T interface {
	image.Image
	Set(x, y int, c color.Color)
}](m T, c color.Color) T {
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			m.Set(x, y, c)
		}
	}
	return m
}

// TestGIFCanvas: the first frame has its place, around it the canvas is white.
func TestGIFCanvas(t *testing.T) {
	frame := func(r image.Rectangle, index uint8) *image.Paletted {
		m := image.NewPaletted(r, palette.Plan9)
		for i := range m.Pix {
			m.Pix[i] = index
		}
		return m
	}
	red := uint8(color.Palette(palette.Plan9).Index(color.RGBA{255, 0, 0, 255}))
	g := &gif.GIF{
		Image:  []*image.Paletted{frame(image.Rect(2, 1, 4, 3), red), frame(image.Rect(0, 0, 5, 4), 0)},
		Delay:  []int{0, 0},
		Config: image.Config{ColorModel: color.Palette(palette.Plan9), Width: 5, Height: 4},
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	got, w, h := plain(t, b.Bytes())
	if w != 5 || h != 4 {
		t.Fatalf("%d×%d", w, h)
	}
	for i := 0; i < len(got); i += 3 {
		x, y := i/3%5, i/3/5
		want := [3]float32{255, 255, 255}
		if x >= 2 && x < 4 && y >= 1 && y < 3 {
			want = [3]float32{255, 0, 0}
		}
		if [3]float32(got[i:i+3]) != want {
			t.Errorf("pixel %d,%d is %v, want %v", x, y, got[i:i+3], want)
		}
	}
}

// TestLimits: sizes are refused from the header, under the limit set.
func TestLimits(t *testing.T) {
	var b bytes.Buffer
	if err := bmp.Encode(&b, pattern(30, 20)); err != nil {
		t.Fatal(err)
	}
	p := spec(8, RuleSquash, FilterBilinear, true)
	for limit, want := range map[int64]error{599: ErrTooLarge, 600: nil, 0: nil} {
		for _, data := range [][]byte{b.Bytes(), encodePNG(t, pattern(30, 20))} {
			if err := p.Pixels(make([]float32, p.Len()), data, Limits{MaxPixels: limit}, nil); !errors.Is(err, want) {
				t.Errorf("limit %d: got %v, want %v", limit, err, want)
			}
		}
	}
}

// TestLyingHeaders: a short file that announces many pixels, though not too
// many, is refused before they are allocated.
func TestLyingHeaders(t *testing.T) {
	const w, h = 9000, 9000
	be, le := binary.BigEndian, binary.LittleEndian
	pngFile := encodePNG(t, pattern(30, 20))
	be.PutUint32(pngFile[16:], w)
	be.PutUint32(pngFile[20:], h)
	be.PutUint32(pngFile[29:], crc32.ChecksumIEEE(pngFile[12:29]))

	var b bytes.Buffer
	if err := gif.Encode(&b, pattern(30, 20), nil); err != nil {
		t.Fatal(err)
	}
	gifFile := bytes.Clone(b.Bytes())
	le.PutUint16(gifFile[6:], w)
	le.PutUint16(gifFile[8:], h)

	b.Reset()
	if err := bmp.Encode(&b, pattern(30, 20)); err != nil {
		t.Fatal(err)
	}
	bmpFile := bytes.Clone(b.Bytes())
	le.PutUint32(bmpFile[18:], w)
	le.PutUint32(bmpFile[22:], h)

	b.Reset()
	if err := tiff.Encode(&b, pattern(30, 20), &tiff.Options{Compression: tiff.Deflate}); err != nil {
		t.Fatal(err)
	}
	tiffFile := bytes.Clone(b.Bytes())
	dir := tiffFile[le.Uint32(tiffFile[4:])+2:]
	for i := range 2 { // width and length are the first two entries
		le.PutUint32(dir[12*i+8:], w)
	}

	jpegFile := bytes.Clone(readFile(t, "../internal/jpeg/testdata/420.jpg"))
	frame := bytes.Index(jpegFile, []byte{0xff, 0xc0})
	be.PutUint16(jpegFile[frame+5:], h)
	be.PutUint16(jpegFile[frame+7:], w)

	p := spec(8, RuleSquash, FilterBilinear, true)
	dst, s := make([]float32, p.Len()), new(Scratch)
	for name, data := range map[string][]byte{"png": pngFile, "gif": gifFile, "bmp": bmpFile, "tiff": tiffFile, "jpeg": jpegFile} {
		var err error
		if n := allocated(func() { err = p.Pixels(dst, data, Limits{}, s) }); n > 4<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

// TestRefusals: what is no picture is named, with a way out where there is one.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		data string
		kind error
		want string
	}{
		{"", ErrCorrupt, "empty"},
		{"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", ErrCorrupt, "no list of pictures"},
		{"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00", ErrCorrupt, "no list of pictures"},
		{"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", ErrUnsupportedFormat, "video"},
		{"%PDF-1.7", ErrUnsupportedFormat, "PDF"},
		{"  <svg xmlns=", ErrUnsupportedFormat, "SVG"},
		{"hello", ErrUnsupportedFormat, "belong to none"},
		{"\x89PNG\n\x1a\n\x00\x00", ErrCorrupt, "text mode"},
		{"\xff\xd8\xff", ErrCorrupt, "ends before"},
	} {
		_, _, _, err := DecodeConfig([]byte(c.data))
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %v with %q", c.data, err, c.kind, c.want)
		}
	}
}
