package nodetest

import (
	"math"
	"testing"

	"featstore/extract/internal/tensor"
)

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	want := tensor.New([]float32{1, nan, inf, 0}, 2, 2)
	for _, c := range []struct {
		what string
		got  *tensor.Tensor
		ok   bool
	}{
		{"the same", tensor.New([]float32{1, nan, inf, 0}, 2, 2), true},
		{"within the tolerance", tensor.New([]float32{1.001, nan, inf, 9e-6}, 2, 2), true},
		{"beyond it", tensor.New([]float32{1.0011, nan, inf, 0}, 2, 2), false},
		{"beyond it near zero", tensor.New([]float32{1, nan, inf, 1.1e-5}, 2, 2), false},
		{"NaN missing", tensor.New([]float32{1, 0, inf, 0}, 2, 2), false},
		{"NaN instead of a number", tensor.New([]float32{nan, nan, inf, 0}, 2, 2), false},
		{"the other infinity", tensor.New([]float32{1, nan, -inf, 0}, 2, 2), false},
		{"another shape", tensor.New([]float32{1, nan, inf, 0}, 4), false},
		{"another type", tensor.New([]float64{1, math.NaN(), math.Inf(1), 0}, 2, 2), false},
		{"no values", tensor.Abstract(tensor.Float32, 2, 2), false},
		{"nothing", nil, false},
	} {
		if err := Compare(c.got, want); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if Compare(tensor.New([]bool{true}), tensor.New([]bool{false})) == nil {
		t.Error("different bools pass")
	}
}
