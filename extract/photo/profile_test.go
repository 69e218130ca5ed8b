package photo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"slices"
	"testing"
)

func profileFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../internal/icc/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// p3Twin stores the colours of a picture in sRGB as Display P3 has them: by its published
// primaries, in exact arithmetic, rounded to bytes at the end.
func p3Twin(m *image.NRGBA) *image.NRGBA {
	// From linear sRGB to linear Display P3, both of D65 (CSS Color 4).
	matrix := [3][3]float64{{0.8224619687, 0.1775380313, 0}, {0.0331941989, 0.9668058011, 0}, {0.0170826307, 0.0723974407, 0.9105199286}}
	light := func(v uint8) float64 {
		if x := float64(v) / 255; x > 0.04045 {
			return math.Pow((x+0.055)/1.055, 2.4)
		} else {
			return x / 12.92
		}
	}
	value := func(l float64) uint8 {
		if l = math.Max(0, math.Min(1, l)); l > 0.0031308 {
			return uint8(255*(1.055*math.Pow(l, 1/2.4)-0.055) + 0.5)
		}
		return uint8(255*12.92*l + 0.5)
	}
	out := image.NewNRGBA(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			c := m.NRGBAAt(x, y)
			in := [3]float64{light(c.R), light(c.G), light(c.B)}
			var v [3]uint8
			for i, row := range matrix {
				v[i] = value(row[0]*in[0] + row[1]*in[1] + row[2]*in[2])
			}
			out.SetNRGBA(x, y, color.NRGBA{v[0], v[1], v[2], 255})
		}
	}
	return out
}

func inSRGB(t testing.TB, data []byte) []float32 {
	t.Helper()
	_, w, h, err := DecodeConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	p := Preprocess{Width: w, Height: h, Rule: RuleSquash, Filter: FilterBilinear, Antialias: true, Order: OrderRGB, Std: same(1), Color: ColorSRGB}
	pixels := make([]float32, p.Len())
	if err := p.Pixels(pixels, data, Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	return pixels
}

// withProfile puts a profile into a PNG, before its pixels.
func withProfile(t testing.TB, data, profile []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	z.WriteString("name\x00\x00")
	w := zlib.NewWriter(&z)
	w.Write(profile)
	w.Close()
	return withChunk(data, "iCCP", z.Bytes())
}

// TestP3IsItsTwin: a photo in Display P3 has, in every format, the pixels of its twin in
// sRGB, within three levels where rounding to bytes in P3 is magnified, and on average
// within half a level; where nothing is converted it has others.
func TestP3IsItsTwin(t *testing.T) {
	m := pattern(12, 10)
	p3 := profileFile(t, "p3.icc")
	want, _, _ := plain(t, encodePNG(t, m))
	stored := encodePNG(t, p3Twin(m))
	data := withProfile(t, stored, p3)
	got := inSRGB(t, data)
	if d, mean := maxDiff(got, float64s(want)), meanDiff(got, float64s(want)); d > 3 || mean > 0.5 {
		t.Errorf("differs from its twin by up to %.1f levels, %.2f on average", d, mean)
	}
	if d := maxDiff(inSRGB(t, stored), float64s(want)); d < 10 {
		t.Errorf("without its profile it differs by %.1f levels only: the test shows nothing", d)
	}
	if asStored, _, _ := plain(t, data); maxDiff(asStored, float64s(inSRGB(t, stored))) != 0 {
		t.Error("colours as stored are not as stored")
	}
}

// TestSRGBProfileChangesNothing: not a bit.
func TestSRGBProfileChangesNothing(t *testing.T) {
	data := encodePNG(t, pattern(12, 10))
	want, _, _ := plain(t, data)
	if d := maxDiff(inSRGB(t, withProfile(t, data, profileFile(t, "srgb.icc"))), float64s(want)); d != 0 {
		t.Errorf("differs by %.1f", d)
	}
	if d := maxDiff(inSRGB(t, data), float64s(want)); d != 0 {
		t.Errorf("without a profile it differs by %.1f", d)
	}
}

// TestProfilesAreFound: in every format, and in a JPEG also in several parts out of order.
func TestProfilesAreFound(t *testing.T) {
	adobe := profileFile(t, "adobe.icc")
	var j bytes.Buffer
	if err := jpeg.Encode(&j, pattern(8, 6), nil); err != nil {
		t.Fatal(err)
	}
	part := func(i, n byte, b []byte) []byte { return slices.Concat([]byte("ICC_PROFILE\x00"), []byte{i, n}, b) }
	whole := withSegment(j.Bytes(), 0xe2, part(1, 1, adobe))
	split := withSegment(withSegment(withSegment(j.Bytes(), 0xe2, part(1, 3, adobe[:100])), 0xe2, part(3, 3, adobe[200:])), 0xe2, part(2, 3, adobe[100:200]))
	missing := withSegment(withSegment(j.Bytes(), 0xe2, part(1, 3, adobe[:100])), 0xe2, part(3, 3, adobe[200:]))
	webp := slices.Concat([]byte("RIFF\x00\x00\x00\x00WEBPICCP"), binary.LittleEndian.AppendUint32(nil, uint32(len(adobe))), adobe)
	tif := slices.Concat([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x73\x87\x07\x00"), binary.LittleEndian.AppendUint32(nil, uint32(len(adobe))),
		[]byte("\x1a\x00\x00\x00\x00\x00\x00\x00"), adobe)
	png := withProfile(t, encodePNG(t, pattern(8, 6)), adobe)
	for name, c := range map[string]struct {
		got, want []byte
	}{
		"JPEG": {jpegProfile(whole, nil), adobe}, "JPEG in parts": {jpegProfile(split, nil), adobe}, "JPEG with a part missing": {jpegProfile(missing, nil), nil},
		"JPEG without": {jpegProfile(j.Bytes(), nil), nil}, "PNG": {pngProfile(png, nil), adobe}, "WebP": {webpProfile(webp, nil), adobe},
		"TIFF": {tiffProfile(tif, nil), adobe},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: %d bytes, want %d", name, len(c.got), len(c.want))
		}
	}
	if a, b := inSRGB(t, whole), inSRGB(t, split); maxDiff(a, float64s(b)) != 0 {
		t.Error("a profile in parts converts otherwise")
	}
	s := new(Scratch)
	if _, err := heifHeader(readFile(t, "testdata/phone/p3.heic"), s); err != nil || s.colors.For(heifProfile(nil, s)) == nil {
		t.Errorf("HEIC: %v, or no profile to convert", err)
	}
}

// FuzzProfile: whatever the bytes, a profile or none.
func FuzzProfile(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe2\x00\x14ICC_PROFILE\x00\x01\x01abcd"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x73\x87\x07\x00\xff\x00\x00\x00\x1a\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		jpegProfile(data, nil)
		tiffProfile(data, nil)
		webpProfile(data, nil)
		pngProfile(data, nil)
	})
}
