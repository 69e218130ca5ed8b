package autodiff

import (
	"math"

	"featstore/extract/internal/tensor"
)

// localResponseNorm: of y[c] = x[c]·D[c]⁻ᵝ with D[c] = k + α/n·Σ x[j]² over the n channels
// j around c,
//
//	dx[j] = dy[j]·D[j]⁻ᵝ − 2αβ/n·x[j]·Σ dy[c]·y[c]/D[c] over the c around which j is.
func localResponseNorm(s *step) error {
	size := s.Int("size", 0)
	alpha, beta, bias := float64(s.Float("alpha", 1e-4)), float64(s.Float("beta", 0.75)), float64(s.Float("bias", 1))
	shape, x := s.in[0].Shape, s.x(0)
	channels, inner := shape[1], tensor.Len(shape[2:])
	around := func(i int, use func(j int)) {
		c := i / inner % channels
		for k := max(c-(size-1)/2, 0); k <= min(c+size/2, channels-1); k++ {
			use(i + (k-c)*inner)
		}
	}
	dx := make([]float64, len(x))
	for i, dy := range s.dy[0] {
		sum := 0.0
		around(i, func(j int) { sum += x[j] * x[j] })
		d := bias + alpha/float64(size)*sum
		dx[i] += dy * math.Pow(d, -beta)
		around(i, func(j int) { dx[j] -= 2 * alpha * beta / float64(size) * x[j] * dy * s.y()[i] / d })
	}
	s.dx[0] = dx
	return nil
}
