package icc

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func profile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// exact converts one pixel in floating point, from the definitions: the gamma of the space,
// its primaries in XYZ as the profile has them, sRGB's curve.
func exact(pixel [3]byte, light func(float64) float64, primaries [3][3]float64) (out [3]float64) {
	var xyz [3]float64
	for i := range 3 {
		for c := range 3 {
			xyz[i] += primaries[i][c] * light(float64(pixel[c])/255)
		}
	}
	for i := range 3 {
		v := 0.0
		for k := range 3 {
			v += fromXYZ[i][k] * xyz[k]
		}
		v = math.Max(0, math.Min(1, v))
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = 255 * v
	}
	return out
}

// TestAgainstExact: Display P3 and Adobe RGB are within one level of exact arithmetic.
func TestAgainstExact(t *testing.T) {
	for name, space := range map[string]struct {
		light     func(float64) float64
		primaries [3][3]float64
	}{
		"p3.icc": {decodeSRGB, [3][3]float64{{0.51512, 0.29198, 0.1571}, {0.24120, 0.69225, 0.06657}, {-0.00105, 0.04189, 0.78407}}},
		"adobe.icc": {func(v float64) float64 { return math.Pow(v, 563./256) },
			[3][3]float64{{0.60974, 0.20528, 0.14919}, {0.31111, 0.62567, 0.06322}, {0.01947, 0.06087, 0.74457}}},
	} {
		tr := new(Converter).For(profile(t, name))
		if tr == nil {
			t.Errorf("%s: nothing to convert", name)
			continue
		}
		for r := 0; r < 256; r += 5 {
			for g := 0; g < 256; g += 15 {
				for b := 0; b < 256; b += 15 {
					p := []byte{byte(r), byte(g), byte(b), 77}
					want := exact([3]byte{p[0], p[1], p[2]}, space.light, space.primaries)
					tr.Apply(p)
					for c, v := range want {
						if math.Abs(float64(p[c])-v) > 1 || p[3] != 77 {
							t.Fatalf("%s: %d, %d, %d becomes %v, want %.2f", name, r, g, b, p, want)
						}
					}
				}
			}
		}
	}
}

// TestNothingToConvert: sRGB in its forms, and profiles that are damaged or of other kinds.
func TestNothingToConvert(t *testing.T) {
	p3 := profile(t, "p3.icc")
	ink := append([]byte(nil), p3...)
	copy(ink[16:], "CMYK")
	without := append([]byte(nil), p3...)
	copy(without[132:], make([]byte, 12*int(binary.BigEndian.Uint32(p3[128:]))))
	var c Converter
	for name, data := range map[string][]byte{
		"none": nil, "sRGB": profile(t, "srgb.icc"), "CMYK": ink, "no tags": without, "cut": p3[:140], "shorter than its header": p3[:100],
	} {
		if c.For(data) != nil {
			t.Errorf("%s: converted", name)
		}
	}
	if first := c.For(p3); first == nil || c.For(p3) != first {
		t.Error("the same profile is parsed twice, or not at all")
	}
}

// FuzzFor: whatever the bytes, a transform that gives bytes, or none.
func FuzzFor(f *testing.F) {
	for _, name := range []string{"p3.icc", "adobe.icc", "srgb.icc"} {
		f.Add(profile(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if tr := new(Converter).For(data); tr != nil {
			tr.Apply([]byte{0, 128, 255, 1, 255, 0, 9, 2})
		}
	})
}
