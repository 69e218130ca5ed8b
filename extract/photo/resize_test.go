package photo

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spec returns a Preprocess that leaves pixels as they are.
func spec(size int, rule, filter string, antialias bool) Preprocess {
	return Preprocess{Width: size, Height: size, Rule: rule, Filter: filter, Antialias: antialias, Order: OrderRGB, Std: same(1)}
}

// TestResizeAgainstReferences compares with what Pillow, torchvision's rules on
// Pillow, OpenCV and TensorFlow's formula make of the same picture
// (testdata/resize/make_reference.py). Pillow's pixels are met exactly,
// except that recent versions squash tall pictures rows first. TensorFlow's are
// not rounded here, and OpenCV computes with 11 bits.
func TestResizeAgainstReferences(t *testing.T) {
	shorter := func(side, size int, filter string) Preprocess {
		p := spec(size, RuleShorterSide, filter, true)
		p.Side = side
		return p
	}
	cases := map[string]Preprocess{
		"shorter-side-36_bilinear_31":     shorter(36, 31, FilterBilinear),
		"shorter-side-72_bicubic_72":      shorter(72, 72, FilterBicubic),
		"center-square_bilinear-plain_24": spec(24, RuleCenterSquare, FilterBilinear, false),
		"squash_tf-bilinear_24":           spec(24, RuleSquash, FilterTFBilinear, false),
		"squash_tf-bilinear_80":           spec(80, RuleSquash, FilterTFBilinear, false),
	}
	for _, size := range []int{24, 80} {
		cases[fmt.Sprintf("center-square_bicubic_%d", size)] = spec(size, RuleCenterSquare, FilterBicubic, true)
		cases[fmt.Sprintf("center-square_bilinear_%d", size)] = spec(size, RuleCenterSquare, FilterBilinear, true)
		cases[fmt.Sprintf("squash_bilinear_%d", size)] = spec(size, RuleSquash, FilterBilinear, true)
	}
	for _, shape := range []string{"wide", "tall"} {
		source := readFile(t, filepath.Join("testdata", "resize", shape+"_source.png"))
		for name, p := range cases {
			t.Run(shape+"/"+name, func(t *testing.T) {
				got := make([]float32, p.Len())
				if err := p.Pixels(got, source, Limits{}, nil); err != nil {
					t.Fatal(err)
				}
				want := pngPixels(t, filepath.Join("testdata", "resize", shape+"_"+name+".png"))
				tolerance := 0.0
				if strings.Contains(name, "tf-bilinear") {
					tolerance = 0.501
				} else if strings.Contains(name, "plain") || strings.Contains(name, "squash") {
					tolerance = 1
				}
				if d := maxDiff(got, want); d > tolerance {
					t.Errorf("largest difference %.2f grey levels", d)
				}
			})
		}
	}
}

// pngPixels reads an opaque RGB picture as H×W×3.
func pngPixels(t *testing.T, name string) []float64 {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(readFile(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, b, _ := m.At(x, y).RGBA()
			out = append(out, float64(r>>8), float64(g>>8), float64(b>>8))
		}
	}
	return out
}

func maxDiff(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	d := 0.0
	for i, v := range want {
		d = math.Max(d, math.Abs(float64(got[i])-v))
	}
	return d
}

// drawPhoto draws any photo a decoder could deliver, and a preprocessing.
func drawPhoto(t *rapid.T) (*Photo, Preprocess) {
	w, h := rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 40).Draw(t, "h")
	ph := &Photo{storedW: w, storedH: h, Orientation: rapid.IntRange(1, 8).Draw(t, "orientation")}
	ph.color = colorModel(rapid.IntRange(0, int(colorStudio)).Draw(t, "color"))
	ups := []upsampling{noUpsampling, {1, 2, true}, {1, 2, false}, {1, 4, false}, {2, 3, false}}
	step := 1
	if ph.color == colorRGBX {
		step = 4
	}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	for c := range ph.color.planes() {
		x, y := noUpsampling, noUpsampling
		if c > 0 || ph.color == colorRGB {
			x, y = rapid.SampledFrom(ups).Draw(t, "upX"), rapid.SampledFrom(ups).Draw(t, "upY")
			y.fancy = y.fancy && (x.fancy || x.full()) // as decodeJPEG
		}
		p := plane{w: (w*x.num + x.den - 1) / x.den, h: (h*y.num + y.den - 1) / y.den, upX: x, upY: y}
		p.stride = step*p.w + rapid.IntRange(0, 3).Draw(t, "pad")
		p.pix = make([]byte, p.stride*p.h)
		for i := range p.pix {
			p.pix[i] = byte(rng.Uint32())
		}
		ph.planes[c] = p
	}
	p := Preprocess{
		Width: rapid.IntRange(1, 24).Draw(t, "width"), Height: rapid.IntRange(1, 24).Draw(t, "height"),
		Rule:   rapid.SampledFrom([]string{RuleCenterSquare, RuleShorterSide, RuleSquash}).Draw(t, "rule"),
		Filter: rapid.SampledFrom([]string{FilterBicubic, FilterBilinear, FilterTFBilinear}).Draw(t, "filter"),
		Order:  rapid.SampledFrom([]string{OrderRGB, OrderBGR}).Draw(t, "order"),
		Mean:   [3]float32{1, 2, 3}, Std: [3]float32{1, 2, 1.5},
	}
	p.Antialias = p.Filter != FilterTFBilinear && rapid.Bool().Draw(t, "antialias")
	if p.Rule == RuleShorterSide {
		p.Side = max(p.Width, p.Height) + rapid.IntRange(0, 9).Draw(t, "side")
	}
	ph.preprocess = p
	ph.Width, ph.Height = header{w, h, orientation(ph.Orientation)}.upright()
	return ph, p
}

// TestResizeAgainstOracle: the oracle computes weights in another order, so that
// their last bit, and what lies next to ½, may be rounded the other way, by one
// grey level in either pass.
func TestResizeAgainstOracle(t *testing.T) {
	s := new(Scratch) // shared, so that what one photo leaves behind is noticed
	values, off := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ph, p := drawPhoto(t)
		got := make([]float32, p.Len())
		if err := p.Fill(got, ph, s); err != nil {
			t.Fatal(err)
		}
		want := oracle(&p, ph)
		d := maxDiff(got, want)
		if d > 2.01 {
			t.Errorf("largest difference %.3f", d)
		}
		values += len(want)
		for i, v := range want {
			if math.Abs(float64(got[i])-v) > 1e-3 {
				off++
			}
		}
	})
	// One weight rounded the other way shows in a whole row or column: a few photos, as
	// -short draws, may have one by chance.
	if t.Logf("%d of %d values differ", off, values); off > values/200+200 {
		t.Errorf("%d of %d values differ from the oracle's", off, values)
	}
}

func TestFlatStaysFlat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ph, p := drawPhoto(t)
		ph.color = colorGray
		ph.planes[0] = fullPlane(make([]byte, ph.storedW*ph.storedH), ph.storedW, ph.storedW, ph.storedH)
		fill(ph.planes[0].pix, 200)
		p.Mean, p.Std = same(0), same(1)
		ph.preprocess = p
		got := make([]float32, p.Len())
		if err := p.Fill(got, ph, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if v != 200 {
				t.Fatalf("value %d of a flat picture is %v, want 200", i, v)
			}
		}
	})
}

func TestResizeAllocatesNothing(t *testing.T) {
	source := readFile(t, filepath.Join("testdata", "resize", "wide_source.png"))
	p := spec(24, RuleCenterSquare, FilterBicubic, true)
	s, dst := new(Scratch), make([]float32, p.Len())
	ph, err := p.Decode(source, Limits{}, s)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { p.Fill(dst, ph, s) }); n > 0 {
		t.Errorf("%v allocations per resize, want none", n)
	}
}
