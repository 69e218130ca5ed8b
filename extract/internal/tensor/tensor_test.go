package tensor

import (
	"math"
	"testing"
)

func TestHalfRoundTripsEveryBitPattern(t *testing.T) {
	for i := range 1 << 16 {
		h := Half(i)
		f := h.Float32()
		if math.IsNaN(float64(f)) {
			if back := ToHalf(f).Float32(); !math.IsNaN(float64(back)) {
				t.Fatalf("%#x: NaN became %v", i, back)
			}
			continue
		}
		if back := ToHalf(f); back != h {
			t.Fatalf("%#x -> %v -> %#x", i, f, uint16(back))
		}
	}
}

// Every midpoint between two neighbours goes to the one with an even last bit,
// and anything beyond it to the nearer one.
func TestToHalfRoundsToNearestEven(t *testing.T) {
	for i := range 0x7bff {
		lo, hi := Half(i).Float32(), Half(i+1).Float32()
		mid := lo + (hi-lo)/2
		even := Half(i + i&1)
		if got := ToHalf(mid); got != even {
			t.Fatalf("midpoint of %#x and %#x: got %#x", i, i+1, uint16(got))
		}
		if got := ToHalf(math.Nextafter32(mid, hi)); got != Half(i+1) {
			t.Fatalf("above midpoint of %#x: got %#x", i, uint16(got))
		}
		if got := ToHalf(math.Nextafter32(mid, 0)); got != Half(i) {
			t.Fatalf("below midpoint of %#x: got %#x", i, uint16(got))
		}
	}
	for f, want := range map[float32]Half{65519.99: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00, -1e9: 0xfc00, 0: 0} {
		if got := ToHalf(f); got != want {
			t.Errorf("ToHalf(%v) = %#x, want %#x", f, uint16(got), uint16(want))
		}
	}
}

func TestLenSaturates(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  int
	}{
		{nil, 1}, {[]int{2, 3}, 6}, {[]int{1 << 40, 1 << 40}, math.MaxInt}, {[]int{1 << 40, 1 << 40, 0}, 0}, {[]int{-1}, math.MaxInt},
	} {
		if got := Len(c.shape); got != c.want {
			t.Errorf("Len(%v) = %d, want %d", c.shape, got, c.want)
		}
	}
}
