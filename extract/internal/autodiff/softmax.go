package autodiff

import "featstore/extract/internal/tensor"

// softmax: along each lane dx = y·(dy − Σ dy·y). Before opset 13 a lane is all from the
// axis on, since then it is the axis.
func softmax(s *step) error {
	shape := s.in[0].Shape
	def := -1
	if s.opset < 13 {
		def = 1
	}
	axis := s.axis("axis", def)
	n, inner := tensor.Len(shape[axis:]), 1
	if s.opset >= 13 {
		n, inner = shape[axis], tensor.Len(shape[axis+1:])
	}
	y, dy := s.y(), s.dy[0]
	dx := make([]float64, len(y))
	for lane := range len(y) / n {
		first := lane/inner*n*inner + lane%inner
		sum := 0.0
		for k := range n {
			sum += dy[first+k*inner] * y[first+k*inner]
		}
		for k := range n {
			i := first + k*inner
			dx[i] = y[i] * (dy[i] - sum)
		}
	}
	s.dx[0] = dx
	return nil
}
