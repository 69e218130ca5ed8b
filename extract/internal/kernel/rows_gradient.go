package kernel

import "math"

// SoftmaxGradient sets dx to factor·y·(dy − Σ dy·y): the gradient by the argument of
// Softmax, whose result is y. dx and dy may be the same.
func (s *Set) SoftmaxGradient(dx, dy, y []float32, factor float32) {
	copy(dx, dy)
	dot := float32(0)
	for i, v := range y {
		dot += v * dy[i]
	}
	s.Affine(dx, dx, factor, -factor*dot)
	s.MulInto(dx, y)
}

// Moments returns the mean of x and 1/√(variance + epsilon). scratch has as many
// elements.
func (s *Set) Moments(x, scratch []float32, epsilon float32) (mean, inverse float32) {
	n := float32(len(x))
	mean = s.total(x) / n
	s.Affine(scratch, x, 1, -mean)
	variance := s.totalSquares(scratch[:len(x)]) / n
	return mean, float32(1 / math.Sqrt(float64(variance+epsilon)))
}

// LayerNormGradient sets dx to the gradient by the argument x of LayerNorm: with
// x̂ = (x − mean)·inverse and g = dy·scale it is inverse·(g − mean(g) − x̂·mean(g·x̂)).
// scratch has twice as many elements as x. dx must be neither dy nor x.
func (s *Set) LayerNormGradient(dx, dy, x, scale []float32, epsilon float32, scratch []float32) {
	n := float32(len(x))
	normal, product := scratch[:len(x)], scratch[len(x):2*len(x)]
	mean, inverse := s.Moments(x, normal, epsilon)
	s.Affine(normal, x, inverse, -mean*inverse)
	copy(dx, dy)
	s.MulInto(dx, scale)
	copy(product, dx)
	s.MulInto(product, normal)
	along := s.total(product) / n
	s.Affine(dx, dx, 1, -s.total(dx)/n)
	s.AddScaled(dx, normal, -along)
	s.Affine(dx, dx, inverse, 0)
}
