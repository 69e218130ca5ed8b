package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFakeQuantizeIsExact: every set gives the reference's bits, also next to the
// middle between two numbers.
func TestFakeQuantizeIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	eachSet(t, func(t *testing.T, s *Set) {
		for n := range 3000 {
			n %= 130
			a := Activation{Func: FakeQuantize, A: float32(-rng.IntN(256)), B: float32(rng.IntN(256)), Scale: rng.Float32() / float32(1+rng.IntN(1000)),
				Unit: 1, Shift: float32(rng.IntN(256))}
			if rng.IntN(2) == 0 {
				a.Unit, a.Shift = a.Scale, 0
			}
			if rng.IntN(9) == 0 {
				a.Scale = 1
			}
			x, check := guarded(n)
			want := make([]float32, n)
			for i := range x {
				middle := a.Scale * (float32(rng.IntN(600)-300) + 0.5*float32(rng.IntN(2)))
				x[i] = math.Float32frombits(math.Float32bits(middle) + uint32(rng.IntN(5)) - 2)
				if rng.IntN(3) == 0 {
					x[i] = a.Scale * 600 * (rng.Float32() - 0.5)
				}
				if x[i] != x[i] {
					x[i] = 0
				}
				want[i] = float32(math.RoundToEven(float64(x[i] / a.Scale)))
				want[i] = float32(min(max(want[i], a.A), a.B)*a.Unit) + a.Shift
			}
			before := append([]float32(nil), x...)
			s.Apply(a, x)
			check(t)
			for i := range x {
				if x[i] != want[i] {
					t.Fatalf("%+v: float %d of %d: %v became %v, not %v", a, i, n, before[i], x[i], want[i])
				}
			}
		}
	})
}
