//go:build amd64 && !purego

package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"featstore/extract/cpu"
)

func withInstructions(t testing.TB, set cpu.ISA) {
	was := instructions
	instructions = set
	t.Cleanup(func() { instructions = was })
}

const guard = 9 // floats on either side of a slice; odd, so that starts are unaligned

// guarded returns a slice of n random floats with guard bands around it, and a
// function that reports whether the bands are intact.
func guarded(rng *rand.Rand, n int) (s []float32, intact func() bool) {
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = math.Float32frombits(0x7fc0dead) // a NaN: reading it shows, writing it too
	}
	s = all[guard : guard+n : guard+n]
	for i := range s {
		s[i] = float32(rng.NormFloat64())
	}
	return s, func() bool {
		for i, v := range all {
			if (i < guard || i >= guard+n) && math.Float32bits(v) != 0x7fc0dead {
				return false
			}
		}
		return true
	}
}

func guardedRows(rng *rand.Rand, n, dim int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i], _ = guarded(rng, dim)
	}
	return rows
}

func requireSameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v (%#x), the portable code gives %v (%#x)", what, i, got[i], math.Float32bits(got[i]), want[i],
				math.Float32bits(want[i]))
		}
	}
}

func TestKernelsGiveTheSameBits(t *testing.T) {
	dims := []int{1, 15, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 1280, 1285}
	for n := 1; n <= 9; n++ {
		for _, labels := range []int{1, 2, 3, 5, 16, 17, 35} {
			for _, dim := range dims {
				testKernels(t, n, labels, dim)
			}
		}
	}
}

func testKernels(t *testing.T, n, labels, dim int) {
	rng := rand.New(rand.NewPCG(uint64(n*1000+labels), uint64(dim)))
	rows := guardedRows(rng, n, dim)
	w, wIntact := guarded(rng, labels*dim)
	out, outIntact := guarded(rng, n*labels)
	want := make([]float32, n*labels)
	dotsPortable(want, rows, w, dim, labels)
	moved := append([]float32(nil), w...)
	lo, hi := rng.IntN(dim), dim
	if lo%3 == 0 {
		lo = 0
	}
	outerPortable(moved, rows, want, dim, 0, labels, labels, lo, hi)
	start := append([]float32(nil), w...)
	for _, set := range cpu.Supported() {
		withInstructions(t, set)
		what := fmt.Sprintf("%v, %d rows, %d labels, dim %d", set, n, labels, dim)
		Dots(out, rows, w, dim)
		requireSameBits(t, "dots, "+what, out, want)
		copy(w, start)
		AddOuter(w, rows, out, dim, lo, hi)
		requireSameBits(t, "outer, "+what, w, moved)
		copy(w, start)
		if !wIntact() || !outIntact() {
			t.Fatalf("%s: wrote outside its slice", what)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	for _, set := range cpu.Supported() {
		b.Run(set.String(), func(b *testing.B) {
			withInstructions(b, set)
			rows, w, z := benchData(100, 5, 1280)
			for b.Loop() {
				Dots(z, rows, w, 1280)
				AddOuter(w, rows, z, 1280, 0, 1280)
			}
		})
	}
}
