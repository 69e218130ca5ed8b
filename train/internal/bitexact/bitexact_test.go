package bitexact

import (
	"hash/fnv"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// ulps is the distance of got from want in units of want's last place.
func ulps(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
}

func TestExpAgreesWithMath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-708, 709).Draw(t, "x")
		if d := ulps(Exp(x), math.Exp(x)); !(d <= 2) {
			t.Fatalf("Exp(%v) = %v, want %v: %v ulps", x, Exp(x), math.Exp(x), d)
		}
	})
}

func TestLogAgreesWithMath(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, x float64) {
		if d := ulps(Log(x), math.Log(x)); !(d <= 2) {
			t.Fatalf("Log(%v) = %v, want %v: %v ulps", x, Log(x), math.Log(x), d)
		}
	}
	// From the smallest normal number: below it math.Log is itself wrong on amd64.
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Float64Range(0x1p-1022, math.MaxFloat64).Draw(t, "x")) })
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Float64Range(0.5, 2).Draw(t, "x")) })
}

func TestSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		f         func(float64) float64
		x, result float64
	}{
		{"Exp", Exp, 0, 1}, {"Exp", Exp, inf, inf}, {"Exp", Exp, -inf, 0}, {"Exp", Exp, nan, nan}, {"Exp", Exp, 710, inf}, {"Exp", Exp, -709, 0},
		{"Log", Log, 1, 0}, {"Log", Log, inf, inf}, {"Log", Log, -1, nan}, {"Log", Log, nan, nan}, {"Log", Log, 0, -inf},
		{"Log", Log, 5e-324, -744.4400719213812},
	} {
		if got := c.f(c.x); got != c.result && !(math.IsNaN(got) && math.IsNaN(c.result)) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.result)
		}
	}
}

// The bits are part of the promise that a head trained anywhere is the same: a
// change here changes every head, and so has to be a decision.
func TestBitsAreFrozen(t *testing.T) {
	h := fnv.New64a()
	put := func(x float64) {
		b := math.Float64bits(x)
		var buf [8]byte
		for i := range buf {
			buf[i] = byte(b >> (8 * i))
		}
		h.Write(buf[:])
	}
	for i := -7000; i <= 7000; i++ {
		put(Exp(float64(i) / 10.25))
		put(Log(float64(i+7001) / 1733))
	}
	const want = 0x5ad3359e586a1b9c
	if got := h.Sum64(); got != want {
		t.Errorf("bits changed: hash %#x, want %#x", got, uint64(want))
	}
}

func BenchmarkExp(b *testing.B) {
	s := 0.0
	for i := 0; b.Loop(); i++ {
		s += Exp(-float64(i&1023) / 64)
	}
	sink = s
}

func BenchmarkMathExp(b *testing.B) {
	s := 0.0
	for i := 0; b.Loop(); i++ {
		s += math.Exp(-float64(i&1023) / 64)
	}
	sink = s
}

var sink float64
