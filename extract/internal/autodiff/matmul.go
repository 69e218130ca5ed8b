package autodiff

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// gemm: of α·A·B + β·C, each of A and B transposed if an attribute says so,
// dA = α·dY·Bᵀ, dB = α·Aᵀ·dY and dC = β·dY, summed where C was broadcast.
func gemm(s *step) error {
	dy := tensor.New(s.dy[0], s.out[0].Shape...)
	ta, tb := int64(s.Int("transA", 0)), int64(s.Int("transB", 0))
	alpha := s.Float("alpha", 1)
	a, b := s.in[0], s.in[1]
	multiply := func(x, y *tensor.Tensor, tx, ty int64) ([]float64, error) {
		t, err := apply("Gemm", attrs{"transA": tx, "transB": ty, "alpha": alpha}, x, y)
		if err != nil {
			return nil, err
		}
		return tensor.Values[float64](t), nil
	}
	var err, err2 error
	if ta == 0 {
		s.dx[0], err = multiply(dy, b, 0, 1-tb)
	} else {
		s.dx[0], err = multiply(b, dy, tb, 1)
	}
	if tb == 0 {
		s.dx[1], err2 = multiply(a, dy, 1-ta, 0)
	} else {
		s.dx[1], err2 = multiply(dy, a, 1, ta)
	}
	if err != nil || err2 != nil || !s.has(2) {
		return firstOf(err, err2)
	}
	s.dx[2], err = folded(s.dy[0], s.in[2].Shape, s.out[0].Shape)
	for i := range s.dx[2] {
		s.dx[2][i] *= float64(s.Float("beta", 1))
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// matMul: of A·B, dA = dY·Bᵀ and dB = Aᵀ·dY, summed over the batches that a matrix was
// broadcast to. A vector is a matrix of one row on the left and of one column on the
// right.
func matMul(s *step) error {
	a, b := s.in[0], s.in[1]
	as, bs, ys := slices.Clone(a.Shape), slices.Clone(b.Shape), slices.Clone(s.out[0].Shape)
	if len(bs) == 1 {
		bs, ys = append(bs, 1), append(ys, 1)
	}
	if len(as) == 1 {
		as, ys = append([]int{1}, as...), slices.Insert(ys, len(ys)-1, 1)
	}
	dy := tensor.New(s.dy[0], ys...)
	da, err := productOf(dy, tensor.New(s.x(1), bs...), false, true)
	if err != nil {
		return err
	}
	db, err := productOf(tensor.New(s.x(0), as...), dy, true, false)
	if err != nil {
		return err
	}
	if s.dx[0], err = folded(tensor.Values[float64](da), as, da.Shape); err != nil {
		return err
	}
	s.dx[1], err = folded(tensor.Values[float64](db), bs, db.Shape)
	return err
}

// productOf multiplies matrices, each transposed if it says so.
func productOf(a, b *tensor.Tensor, transA, transB bool) (_ *tensor.Tensor, err error) {
	if transA {
		if a, err = turned(a); err != nil {
			return nil, err
		}
	}
	if transB {
		if b, err = turned(b); err != nil {
			return nil, err
		}
	}
	return apply("MatMul", nil, a, b)
}

// turned exchanges the last two axes.
func turned(t *tensor.Tensor) (*tensor.Tensor, error) {
	perm := make([]int64, len(t.Shape))
	for d := range perm {
		perm[d] = int64(d)
	}
	n := len(perm)
	perm[n-2], perm[n-1] = perm[n-1], perm[n-2]
	return apply("Transpose", attrs{"perm": perm}, t)
}
