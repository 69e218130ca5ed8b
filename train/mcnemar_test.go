package train

import (
	"math"
	"testing"
)

// TestMcNemar against sums of binomial coefficients.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{{0, 0, 1}, {3, 3, 1}, {5, 0, 2.0 / 32}, {0, 5, 2.0 / 32}, {1, 9, 2.0 * 11 / 1024}, {3, 4, 1}} {
		if got := McNemar(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d and %d: p = %v, not %v", c.a, c.b, got, c.want)
		}
	}
}
