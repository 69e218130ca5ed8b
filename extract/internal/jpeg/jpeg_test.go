package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// references returns testdata's JPEG files by name.
func references(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.jpg")
	if err != nil || len(names) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(name), ".jpg")] = b
	}
	return files
}

// TestAgainstPillow: planes, upsampled as libjpeg does it, equal what Pillow
// decodes the files to (testdata/make_reference.py), to the bit, at every size.
func TestAgainstPillow(t *testing.T) {
	var d Decoder
	for name, data := range references(t) {
		for _, scale := range []int{1, 2, 4, 8} {
			t.Run(fmt.Sprintf("%s at 1/%d", name, scale), func(t *testing.T) {
				m, err := d.Decode(data, Options{Scale: scale})
				if err != nil {
					t.Fatal(err)
				}
				compareReference(t, m, name)
			})
		}
	}
}

func compareReference(t *testing.T, m *Image, name string) {
	t.Helper()
	if m.Scale > 1 {
		name += fmt.Sprintf("-at-%d", m.Scale)
	}
	want := reference(t, name)
	if len(want) != len(m.Planes) {
		t.Fatalf("%d planes, want %d", len(m.Planes), len(want))
	}
	w, h := ceilDiv(m.Width, m.Scale), ceilDiv(m.Height, m.Scale)
	for c := range want {
		got := upsample(m, c)
		if len(got) != w*h || len(want[c]) != w*h {
			t.Fatalf("plane %d has %d pixels, want %d×%d; Pillow has %d", c, len(got), w, h, len(want[c]))
		}
		for i, v := range want[c] {
			if got[i] != v {
				t.Fatalf("plane %d, pixel %d,%d: %d, want %d", c, i%w, i/w, got[i], v)
			}
		}
	}
}

// reference reads the channels of a file's PNG.
func reference(t *testing.T, name string) [][]byte {
	t.Helper()
	f, err := os.ReadFile("testdata/" + name + ".png")
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "-at-") {
		t.Skip("Pillow does not reduce so small a picture as far")
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	n := 3
	switch m.(type) {
	case *image.Gray:
		n = 1
	case *image.NRGBA:
		n = 4
	}
	planes := make([][]byte, n)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			p := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			if n == 4 {
				p = m.(*image.NRGBA).NRGBAAt(x, y)
			}
			for c, v := range []byte{p.R, p.G, p.B, p.A}[:n] {
				planes[c] = append(planes[c], v)
			}
		}
	}
	return planes
}

// upsample brings plane c to full size in libjpeg's arithmetic: the triangle
// filter, vertically without rounding, horizontally with roundings that
// alternate; at an eighth of the size samples are repeated.
func upsample(m *Image, c int) []byte {
	p := &m.Planes[c]
	fx, fy := m.MaxH/p.H, m.MaxV/p.V
	at := func(x, y int) int {
		return int(p.Pix[min(max(y, 0), p.Height-1)*p.Stride+min(max(x, 0), p.Width-1)])
	}
	var out []byte
	for y := range ceilDiv(m.Height, m.Scale) {
		for x := range ceilDiv(m.Width, m.Scale) {
			sx, sy := x/fx, y/fy
			dx, dy := x%2*2-1, y%2*2-1 // towards the neighbour
			fancy := fx == 2 && p.Width > 2 && m.Scale < 8
			column := func(x int) int { return 3*at(x, sy) + at(x, sy+dy) }
			switch {
			case fancy && fy == 2:
				out = append(out, byte((3*column(sx)+column(sx+dx)+8-x%2)>>4))
			case fancy && fy == 1:
				out = append(out, byte((3*at(sx, sy)+at(sx+dx, sy)+1+x%2)>>2))
			default:
				out = append(out, byte(at(sx, sy)))
			}
		}
	}
	return out
}

// TestAgainstImageJPEG compares with the standard library, whose IDCT rounds
// differently.
func TestAgainstImageJPEG(t *testing.T) {
	var d Decoder
	for name, data := range references(t) {
		t.Run(name, func(t *testing.T) {
			if name == "progressive-restart" {
				t.Skip("image/jpeg does not read restart markers in progressive files")
			}
			std, err := stdjpeg.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			m, err := d.Decode(data, Options{})
			if err != nil {
				t.Fatal(err)
			}
			switch std := std.(type) {
			case *image.Gray:
				comparePlane(t, &m.Planes[0], std.Pix, std.Stride)
			case *image.YCbCr:
				comparePlane(t, &m.Planes[0], std.Y, std.YStride)
				comparePlane(t, &m.Planes[1], std.Cb, std.CStride)
				comparePlane(t, &m.Planes[2], std.Cr, std.CStride)
			case *image.CMYK:
				if m.Color != CMYK {
					t.Errorf("colour model %v", m.Color)
				}
			default:
				t.Errorf("image/jpeg decoded to %T", std)
			}
		})
	}
}

func comparePlane(t *testing.T, p *Plane, want []byte, stride int) {
	t.Helper()
	for y := range p.Height {
		for x := range p.Width {
			got, want := int(p.Pix[y*p.Stride+x]), int(want[y*stride+x])
			if got-want > 2 || want-got > 2 {
				t.Fatalf("sample %d,%d: %d, image/jpeg has %d", x, y, got, want)
			}
		}
	}
}
