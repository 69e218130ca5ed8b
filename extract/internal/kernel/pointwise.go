package kernel

import "math"

// MaxInto sets dst[i] to the larger of dst[i] and src[i].
func (s *Set) MaxInto(dst, src []float32) { s.maxInto(dst, src[:len(dst)]) }

// AddInto adds src to dst.
func (s *Set) AddInto(dst, src []float32) { s.addInto(dst, src[:len(dst)]) }

// MulInto multiplies dst by src.
func (s *Set) MulInto(dst, src []float32) { s.mulInto(dst, src[:len(dst)]) }

// Affine sets dst[i] to src[i]·scale + shift; dst and src may be the same.
func (s *Set) Affine(dst, src []float32, scale, shift float32) {
	s.affine(dst, src[:len(dst)], scale, shift)
}

// InverseRoots sets x[i] to x[i]^(-3/4), for positive x.
func (s *Set) InverseRoots(x []float32) { s.roots(x, 0, 0) }

func inverseRoots(x []float32, _, _ float32) {
	for i, v := range x {
		root := math.Sqrt(float64(v))
		x[i] = float32(1 / (root * math.Sqrt(root)))
	}
}

func maxInto(dst, src []float32) {
	for i, v := range src {
		if v > dst[i] || v != v {
			dst[i] = v
		}
	}
}

func addInto(dst, src []float32) {
	for i, v := range src {
		dst[i] += v
	}
}

func mulInto(dst, src []float32) {
	for i, v := range src {
		dst[i] *= v
	}
}

func affine(dst, src []float32, scale, shift float32) {
	for i, v := range src {
		dst[i] = v*scale + shift
	}
}

func clipAll(x []float32, lo, hi float32) {
	for i, v := range x {
		if v < lo {
			x[i] = lo
		} else if v > hi {
			x[i] = hi
		}
	}
}
