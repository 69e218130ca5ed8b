package cutcache_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"featstore/store/cutcache"
)

// nearest rounds v to a multiple of the spacing of float16 numbers, ties to even, in
// float64, which holds all of that exactly.
func nearest(v float64) float64 {
	_, exp := math.Frexp(v) // |v| in [2^(exp-1), 2^exp)
	unit := math.Ldexp(1, max(exp-11, -24))
	return math.RoundToEven(v/unit) * unit
}

func TestRoundIsToNearestEven(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, v float32) {
		x := []float32{v}
		if err := cutcache.Round(x); err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if want := float32(nearest(float64(v))); x[0] != want || math.Signbit(float64(x[0])) != math.Signbit(float64(v)) {
			t.Fatalf("%v (%#x) is rounded to %v, want %v", v, math.Float32bits(v), x[0], want)
		}
	}
	for _, v := range []float32{0, 1, 1 + 1.0/2048, 1 + 3.0/2048, 1 + 1.0/2048 + 1.0/(1<<20), 65504, 65519.99, 1.0 / (1 << 14), 1.0 / (1 << 24), 1.0 / (1 << 25),
		1.5 / (1 << 24), 2.5 / (1 << 24), math.Nextafter32(1.0/(1<<14), 0), math.SmallestNonzeroFloat32} {
		check(t, v)
		check(t, -v)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.OneOf(rapid.Float32Range(-65519, 65519), rapid.Float32Range(-1e-4, 1e-4)).Draw(t, "v"))
	})
}

// Every float16 number is its own rounding, and the table says what it is.
func TestEveryHalf(t *testing.T) {
	for h := range 1 << 16 {
		if h>>10&0x1f == 0x1f {
			continue // infinities and NaNs, which never get there
		}
		dst := make([]float32, 1)
		cutcache.Decode(dst, []byte{byte(h), byte(h >> 8)}, 0)
		want := math.Ldexp(float64(h&0x3ff|0x400), h>>10&0x1f-25)
		if h>>10&0x1f == 0 {
			want = math.Ldexp(float64(h&0x3ff), -24)
		}
		if h>>15 == 1 {
			want = -want
		}
		if float64(dst[0]) != want || cutcache.ToHalf(dst[0]) != uint16(h) {
			t.Fatalf("%#x is %v, want %v, and back %#x", h, dst[0], want, cutcache.ToHalf(dst[0]))
		}
	}
}

// Numbers beyond float16's range are kept too, to 11 bits.
func TestLargeNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		largest := math.Ldexp(2-1.0/(1<<11)-1.0/(1<<20), 127)
		most := math.Ldexp(rapid.Float64Range(1, 2).Draw(t, "mantissa"), rapid.IntRange(-140, 127).Draw(t, "exponent"))
		most = min(most, largest)
		x := make([]float32, rapid.IntRange(1, 70).Draw(t, "n"))
		for i := range x {
			x[i] = float32(most * rapid.Float64Range(-1, 1).Draw(t, "x"))
		}
		rounded := append([]float32(nil), x...)
		if err := cutcache.Round(rounded); err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			bound := math.Max(math.Abs(float64(v))/(1<<11), math.Max(math.Ldexp(1, -25), most*math.Ldexp(1, -38)))
			if d := math.Abs(float64(rounded[i]) - float64(v)); !(d <= bound) {
				t.Errorf("%v is rounded to %v beside numbers up to %v", v, rounded[i], most)
			}
		}
		shift, err := cutcache.ShiftOf(x)
		if err != nil {
			t.Fatal(err)
		}
		b, dst := make([]byte, 2*len(x)), make([]float32, len(x))
		cutcache.Encode(b, x, shift)
		cutcache.Decode(dst, b, shift)
		for i := range x {
			if dst[i] != rounded[i] {
				t.Errorf("number %d of %v: Round gives %v, the file %v", i, x, rounded[i], dst[i])
			}
		}
	})
}

func TestNumbersWithoutForm(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, v := range []float32{inf, -inf, float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32} {
		x := []float32{1, 2.0001, v}
		if err := cutcache.Round(x); !errors.Is(err, cutcache.ErrRange) {
			t.Errorf("%v: %v, want ErrRange", v, err)
		}
		if x[1] != 2.0001 {
			t.Errorf("%v: what cannot be rounded has been changed", v)
		}
	}
}
