package autodiff

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// lanes returns, for each element of the input of a reduction, the element of the result
// that it is reduced to.
func (s *step) lanes() ([]int, error) {
	kept := s.out[0].Shape
	if s.Op == "ReduceMean" || s.Op == "ReduceSum" {
		out, err := s.again(s.in, attrs{"keepdims": int64(1)}, 1)
		if err != nil {
			return nil, err
		}
		kept = out[0].Shape
	}
	return stretched(kept, s.in[0].Shape)
}

// spreadSum: every element of a sum gets dy.
func spreadSum(s *step) error {
	at, err := s.lanes()
	if err != nil {
		return err
	}
	s.dx[0] = gathered(s.dy[0], at)
	return nil
}

// spreadMean: every element of a mean of n gets dy/n.
func spreadMean(s *step) error {
	if err := spreadSum(s); err != nil {
		return err
	}
	n := float64(tensor.Len(s.in[0].Shape)) / float64(tensor.Len(s.out[0].Shape))
	for i := range s.dx[0] {
		s.dx[0][i] /= n
	}
	return nil
}

// spreadLargest: the first of the largest elements gets dy.
func spreadLargest(s *step) error {
	at, err := s.lanes()
	if err != nil {
		return err
	}
	s.dx[0] = make([]float64, len(at))
	left := slices.Clone(s.dy[0])
	for i, x := range s.x(0) {
		if o := at[i]; x == s.y()[o] {
			s.dx[0][i], left[o] = left[o], 0
		}
	}
	return nil
}
