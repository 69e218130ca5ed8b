package kernel

import "math"

// Softmax replaces x by e^fx / Σ e^fx; the factor f must be positive.
func (s *Set) Softmax(x []float32, factor float32) {
	s.Affine(x, x, factor, -factor*s.maximum(x))
	s.Apply(Activation{Func: Exp}, x)
	s.Affine(x, x, 1/s.total(x), 0)
}

// LayerNorm sets dst to (src − mean)/√(variance + epsilon)·scale + shift; shift
// may be nil. dst and src may be the same.
func (s *Set) LayerNorm(dst, src, scale, shift []float32, epsilon float32) {
	n := float32(len(src))
	s.Affine(dst, src, 1, -s.total(src)/n)
	variance := s.totalSquares(dst) / n
	s.Affine(dst, dst, float32(1/math.Sqrt(float64(variance+epsilon))), 0)
	s.MulInto(dst, scale)
	if shift != nil {
		s.AddInto(dst, shift)
	}
}

// maximum, total and totalSquares fold whole vectors by the set's code and the
// rest one by one.

func (s *Set) maximum(x []float32) float32 {
	whole, m := len(x)/s.lanes*s.lanes, float32(math.Inf(-1))
	if whole > 0 {
		m = s.max(x[:whole])
	}
	for _, v := range x[whole:] {
		m = max(m, v)
	}
	return m
}

func (s *Set) total(x []float32) float32 {
	whole, sum := len(x)/s.lanes*s.lanes, float32(0)
	if whole > 0 {
		sum = s.sum(x[:whole])
	}
	for _, v := range x[whole:] {
		sum += v
	}
	return sum
}

func (s *Set) totalSquares(x []float32) float32 {
	whole, sum := len(x)/s.lanes*s.lanes, float32(0)
	if whole > 0 {
		sum = s.sumSquares(x[:whole])
	}
	for _, v := range x[whole:] {
		sum += v * v
	}
	return sum
}

func sumOf(x []float32) float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return float32(sum)
}

func maxOf(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func sumSquaresOf(x []float32) float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return float32(sum)
}
