package autodiff

import "math"

// operands calls f for each element of the result, with the elements of two operands
// that broadcast to it and dy, and folds what it answers: the gradient by the operands
// before they are broadcast.
func (s *step) operands(f func(a, b, y, dy float64) (da, db float64)) error {
	shape := s.out[0].Shape
	ai, err := stretched(s.in[0].Shape, shape)
	if err != nil {
		return err
	}
	bi, err := stretched(s.in[1].Shape, shape)
	if err != nil {
		return err
	}
	a, b, y := s.x(0), s.x(1), s.y()
	s.dx[0], s.dx[1] = make([]float64, len(a)), make([]float64, len(b))
	for i, dy := range s.dy[0] {
		da, db := f(a[ai[i]], b[bi[i]], y[i], dy)
		s.dx[0][ai[i]] += da
		s.dx[1][bi[i]] += db
	}
	return nil
}

// addition: of a+b, da = dy and db = dy.
func addition(s *step) error {
	return s.operands(func(_, _, _, dy float64) (float64, float64) { return dy, dy })
}

// subtraction: of a−b, da = dy and db = −dy.
func subtraction(s *step) error {
	return s.operands(func(_, _, _, dy float64) (float64, float64) { return dy, -dy })
}

// product: of a·b, da = dy·b and db = dy·a.
func product(s *step) error {
	return s.operands(func(a, b, _, dy float64) (float64, float64) { return dy * b, dy * a })
}

// quotient: of y = a/b, da = dy/b and db = −dy·y/b.
func quotient(s *step) error {
	return s.operands(func(_, b, y, dy float64) (float64, float64) { return dy / b, -dy * y / b })
}

// power: of y = aᵇ, da = dy·b·aᵇ⁻¹ and db = dy·y·ln a, which there is for positive a only.
func power(s *step) error {
	if !s.real(1) {
		return ErrNoRule
	}
	return s.operands(func(a, b, y, dy float64) (da, db float64) {
		if a > 0 {
			db = dy * y * math.Log(a)
		}
		return dy * b * math.Pow(a, b-1), db
	})
}

// slopes: of PRelu, x for positive x and else a·x: dx = dy or dy·a, da = 0 or dy·x.
func slopes(s *step) error {
	return s.operands(func(x, a, _, dy float64) (float64, float64) {
		if x < 0 {
			return dy * a, dy * x
		}
		return dy, 0
	})
}

// total: every operand of a sum gets dy.
func total(s *step) error {
	for i, x := range s.in {
		dx, err := folded(s.dy[0], x.Shape, s.out[0].Shape)
		if err != nil {
			return err
		}
		s.dx[i] = dx
	}
	return nil
}

// extreme: the first operand that is the maximum, or minimum, gets dy.
func extreme(s *step) error {
	taken := make([]bool, len(s.dy[0]))
	for i, x := range s.in {
		at, err := stretched(x.Shape, s.out[0].Shape)
		if err != nil {
			return err
		}
		s.dx[i] = make([]float64, len(s.x(i)))
		for k, y := range s.y() {
			if !taken[k] && s.x(i)[at[k]] == y {
				taken[k] = true
				s.dx[i][at[k]] += s.dy[0][k]
			}
		}
	}
	return nil
}
