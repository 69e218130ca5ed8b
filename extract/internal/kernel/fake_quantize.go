package kernel

import "math"

// MinScale is the smallest scale of quantization whose reciprocal the kernels can
// use.
const MinScale = 1e-30

// fakeQuantize is the reference for FakeQuantize. The quotient is rounded to float32 before
// it is rounded to a whole number, as ONNX Runtime does; assembly multiplies by the
// reciprocal and corrects the product by its remainder, which gives the same
// (Markstein, IBM Journal of Research and Development 34, 1990).
func fakeQuantize(x []float32, step, _, lo, hi, unit, shift float32) {
	for i, v := range x {
		q := float32(math.RoundToEven(float64(v / step)))
		x[i] = float32(min(max(q, lo), hi)*unit) + shift
	}
}
