package row

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// guard is what surrounds outputs, to see writes beyond them.
const guard = 64

// padded returns n random bytes at an odd place, and a check of the bytes around.
func padded(rng *rand.Rand, n int) (b []byte, intact func() bool) {
	whole := make([]byte, n+2*guard+1)
	for i := range whole {
		whole[i] = byte(rng.Uint32())
	}
	b = whole[guard+1 : guard+1+n : guard+1+n]
	before, after := bytes.Clone(whole[:guard+1]), bytes.Clone(whole[guard+1+n:])
	return b, func() bool {
		return bytes.Equal(before, whole[:guard+1]) && bytes.Equal(after, whole[guard+1+n:])
	}
}

func TestConvert(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 70 {
		for _, m := range []*Matrix{&JFIF, &Studio} {
			y, _ := padded(rng, n)
			cb, _ := padded(rng, n)
			cr, _ := padded(rng, n)
			got, intact := padded(rng, 4*n)
			want := make([]byte, 4*n)
			convert(want, y, cb, cr, m)
			Convert(got, y, cb, cr, m)
			if !bytes.Equal(got, want) || !intact() {
				t.Fatalf("%d pixels: got %v, want %v; surroundings intact: %v", n, got, want, intact())
			}
		}
	}
}

func TestUpsample(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for n := range 100 {
		near, _ := padded(rng, n)
		far, _ := padded(rng, n)
		got, want := make([]int16, n+1), make([]int16, n+1)
		Blend(got[:n], near, far)
		blend(want[:n], near, far)
		if !slices.Equal(got, want) {
			t.Fatalf("%d samples: blended to %v, want %v", n, got, want)
		}
		for _, r := range []Rounding{HalfRows, AllRows, Nearest} {
			s := make([]int16, n+2)
			for i := range s {
				s[i] = int16(rng.IntN(4*255 + 1))
			}
			got, intact := padded(rng, 2*n)
			want := make([]byte, 2*n)
			Double(got, s, r)
			double(want, s, r)
			if !bytes.Equal(got, want) || !intact() {
				t.Fatalf("%d samples: doubled to %v, want %v; surroundings intact: %v", n, got, want, intact())
			}
		}
	}
}

func TestAlong(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for n := range 40 {
		for _, width := range []int{4, 8, 12, 32} {
			taps := Taps{Width: width, First: make([]int32, n), Weights: make([]int32, n*width)}
			for i := range taps.First {
				taps.First[i] = int32(rng.IntN(20))
				for k := range width {
					taps.Weights[i*width+k] = int32(rng.IntN(3<<WeightBits/width) - 1<<WeightBits/width)
				}
			}
			taps.Check()
			src, _ := padded(rng, 4*taps.Need)
			got, intact := padded(rng, 4*n)
			want := make([]byte, 4*n)
			along(want, src, &taps)
			Along(got, src, &taps)
			if !bytes.Equal(got, want) || !intact() {
				t.Fatalf("%d pixels of %d taps: got %v, want %v; surroundings intact: %v", n, width, got, want, intact())
			}
		}
	}
}

func TestAcross(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range 100 {
		for k := range 9 {
			rows, weights := make([][]byte, k), make([]int32, k)
			for i := range rows {
				rows[i], _ = padded(rng, n)
				weights[i] = int32(rng.IntN(3<<WeightBits/k) - 1<<WeightBits/k)
			}
			got, intact := padded(rng, n)
			want := make([]byte, n)
			across(want, rows, weights, 0)
			Across(got, rows, weights)
			if !bytes.Equal(got, want) || !intact() {
				t.Fatalf("%d bytes of %d rows: got %v, want %v; surroundings intact: %v", n, k, got, want, intact())
			}
		}
	}
}

// TestConvertIsExact compares with the definition in real numbers.
func TestConvertIsExact(t *testing.T) {
	off := 0
	for y := 0; y < 256; y += 5 {
		for cb := 0; cb < 256; cb += 3 {
			for cr := range 256 {
				_, _, b := JFIF.RGB(byte(y), byte(cb), byte(cr))
				r, g, _ := JFIF.RGB(byte(y), byte(cb), byte(cr))
				u, v := float64(cb)-128, float64(cr)-128
				for _, c := range []struct {
					got  byte
					want float64
				}{
					{r, float64(y) + 1.402*v}, {b, float64(y) + 1.772*u},
					{g, float64(y) - (0.114*1.772*u+0.299*1.402*v)/0.587},
				} {
					d := float64(c.got) - max(0, min(255, c.want))
					if d > 0.51 || d < -0.51 {
						t.Fatalf("Y %d, Cb %d, Cr %d: %d, want %.3f", y, cb, cr, c.got, c.want)
					}
					if d > 0.501 || d < -0.501 {
						off++
					}
				}
			}
		}
	}
	if off > 0 {
		t.Errorf("%d values rounded the wrong way by more than 0.001", off)
	}
}

func BenchmarkRow(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 4))
	const n = 320
	y, _ := padded(rng, n)
	dst, _ := padded(rng, 4*n)
	taps := Taps{Width: 8, First: make([]int32, n), Weights: make([]int32, 8*n)}
	for i := range taps.First {
		taps.First[i] = int32(i)
	}
	taps.Check()
	src, _ := padded(rng, 4*taps.Need)
	rows, weights := make([][]byte, 6), make([]int32, 6)
	for i := range rows {
		rows[i], _ = padded(rng, 4*n)
	}
	b.Run("convert", func(b *testing.B) {
		for b.Loop() {
			Convert(dst, y, y, y, &JFIF)
		}
	})
	b.Run("convert-portable", func(b *testing.B) {
		for b.Loop() {
			convert(dst, y, y, y, &JFIF)
		}
	})
	b.Run("along", func(b *testing.B) {
		for b.Loop() {
			Along(dst, src, &taps)
		}
	})
	b.Run("along-portable", func(b *testing.B) {
		for b.Loop() {
			along(dst, src, &taps)
		}
	})
	b.Run("across", func(b *testing.B) {
		for b.Loop() {
			Across(dst, rows, weights)
		}
	})
	b.Run("across-portable", func(b *testing.B) {
		for b.Loop() {
			across(dst, rows, weights, 0)
		}
	})
}
