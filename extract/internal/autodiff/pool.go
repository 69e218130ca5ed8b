package autodiff

import (
	"slices"

	"featstore/extract/internal/tensor"
)

// averagePool: each element under a window gets dy divided by what the window's sum is
// divided by. That is seen from an image of ones, which gives the elements under the
// window divided by it.
func averagePool(s *step) error {
	spatial := s.in[0].Shape[2:]
	at, err := s.taps(spatial, s.Ints("kernel_shape"))
	if err != nil {
		return err
	}
	plane := append([]int{1, 1}, spatial...)
	ones := tensor.New(slices.Repeat([]float64{1}, tensor.Len(plane)), plane...)
	share, err := s.again([]*tensor.Tensor{ones}, nil, 1)
	if err != nil {
		return err
	}
	count := make([]float64, len(at[0]))
	for _, places := range at {
		for p, j := range places {
			if j >= 0 {
				count[p]++
			}
		}
	}
	x := make([]float64, tensor.Len(s.in[0].Shape))
	inLen := tensor.Len(spatial)
	for i, dy := range s.dy[0] {
		p := i % len(count)
		for _, places := range at {
			if j := places[p]; j >= 0 {
				x[i/len(count)*inLen+j] += dy * tensor.Values[float64](share[0])[p] / count[p]
			}
		}
	}
	s.dx[0] = x
	return nil
}

// maxPool: the element that is the largest under a window gets dy. The operator's second
// result says which one it is.
func maxPool(s *step) error {
	out, err := s.again(s.in, attrs{"storage_order": nil}, 2)
	if err != nil {
		return err
	}
	s.dx[0] = make([]float64, tensor.Len(s.in[0].Shape))
	for i, at := range tensor.Values[int64](out[1]) {
		s.dx[0][at] += s.dy[0][i]
	}
	return nil
}
