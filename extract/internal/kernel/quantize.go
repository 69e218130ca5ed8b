package kernel

import "math"

// MinStep is the smallest step of quantisation whose reciprocal the kernels can
// use.
const MinStep = 1e-30

// quantize is the reference for Quantize. The quotient is rounded to float32 before
// it is rounded to a whole number, as ONNX Runtime does; assembly multiplies by the
// reciprocal and corrects the product by its remainder, which gives the same
// (Markstein, IBM Journal of Research and Development 34, 1990).
func quantize(x []float32, step, _, lo, hi, unit, shift float32) {
	for i, v := range x {
		q := float32(math.RoundToEven(float64(v / step)))
		x[i] = float32(min(max(q, lo), hi)*unit) + shift
	}
}
