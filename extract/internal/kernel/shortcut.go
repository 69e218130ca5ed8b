package kernel

import (
	"math"
	"slices"
)

// A Shortcut is a transform by one certain matrix, with fewer operations than the
// general one: half of the coefficients of a matrix of Toom–Cook are those of
// another point but for the sign, or zero. Its results differ from the general
// ones by rounding.
type Shortcut struct {
	nIn, nOut   int
	m           []float32
	plain, full func(*Transform) // without and with bias, R and bounds; full may be nil
}

// Shortcut returns the set's shortcut for a matrix of nIn rows of nOut values, for
// Transform.Shortcut; nil if it has none.
func (s *Set) Shortcut(nIn, nOut int, m []float32) *Shortcut {
	for i := range s.shortcuts {
		if c := &s.shortcuts[i]; c.nIn == nIn && c.nOut == nOut && slices.Equal(c.m, m) {
			return c
		}
	}
	return nil
}

// by returns the kernel to use: a shortcut computes all outputs of its matrix, with
// everything that may follow or nothing.
func (t *Transform) by(general func(*Transform)) func(*Transform) {
	c := t.Shortcut
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
