package kernel

import (
	"math"
	"slices"
)

// A Winograd is a transform by one known matrix, that of a Winograd convolution. It
// takes fewer operations than the general Transform, because half of the matrix's
// coefficients are 0, or those of another row but for the sign. Its results differ
// from the general ones by rounding.
type Winograd struct {
	nIn, nOut   int
	m           []float32
	plain, full func(*Transform) // without and with bias, R and bounds; full may be nil
}

// Winograd returns the set's kernel for a matrix of nIn rows of nOut values, row-major,
// to be set as Transform.Winograd; nil if the set has none.
func (s *Set) Winograd(nIn, nOut int, m []float32) *Winograd {
	for i := range s.winograd {
		if c := &s.winograd[i]; c.nIn == nIn && c.nOut == nOut && slices.Equal(c.m, m) {
			return c
		}
	}
	return nil
}

// by returns the kernel to use. A Winograd kernel computes all outputs of its matrix,
// either with the whole epilogue or with none.
func (t *Transform) by(general func(*Transform)) func(*Transform) {
	c := t.Winograd
	switch {
	case c == nil || t.NOut != c.nOut:
		return general
	case t.Bias == nil && t.R == nil && math.IsInf(float64(t.Lo), -1) && math.IsInf(float64(t.Hi), 1):
		return c.plain
	case t.Bias != nil && c.full != nil:
		return c.full
	}
	return general
}
