package kernel

import (
	"math"
	"testing"
)

// TestExactFunctions compares with those of package math.
func TestExactFunctions(t *testing.T) {
	for f := Linear; f <= FakeQuantize; f++ {
		a := Activation{Func: f, A: 0.3, B: 0.6, Scale: 0.1, Unit: 0.1}
		for i := -3000; i <= 3000; i++ {
			x := float32(i) / 100
			if f == Sqrt {
				x += 31
			}
			got, want := []float32{x}, []float32{x}
			ApplyExactly(a, got)
			portable.Apply(a, want)
			if d := math.Abs(float64(got[0] - want[0])); !(d <= 2e-7*math.Abs(float64(want[0])) || d <= 1e-14 || f == Affine && d <= 1e-7) {
				t.Fatalf("function %d of %v: %v, not %v", f, x, got[0], want[0])
			}
		}
	}
	for _, x := range []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 1e30, -1e30, 0} {
		for _, f := range []Function{Sigmoid, SiLU, Tanh, Erf, Softplus, Exp, HardSwish, Mish} {
			got := []float32{x}
			ApplyExactly(Activation{Func: f, A: 1}, got)
			if want := (Activation{Func: f, A: 1}).at(float64(x)); float64(got[0]) != float64(float32(want)) && want == want {
				t.Errorf("function %d of %v: %v, not %v", f, x, got[0], want)
			}
		}
	}
}
