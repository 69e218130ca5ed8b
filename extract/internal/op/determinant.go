package op

import (
	"math"
	"slices"

	"featstore/extract/internal/tensor"
)

// determinant of each of the last two axes' matrices, by Gauss with pivots.
func determinant(c *call) []*tensor.Tensor {
	x := c.float(0)
	r := len(x.Shape)
	require(r >= 2 && x.Shape[r-1] == x.Shape[r-2], "input of shape %v: square matrices are needed", x.Shape)
	n := x.Shape[r-1]
	c.work(tensor.Len(x.Shape), n)
	return one(c.floats(x.DType, x.Shape[:r-2], func(out []float64) {
		v := floatsOf(x)
		for b := range out {
			out[b] = gauss(slices.Clone(v[b*n*n:][:n*n]), n)
		}
	}))
}

func gauss(m []float64, n int) float64 {
	det := 1.0
	for col := range n {
		pivot := col
		for r := col + 1; r < n; r++ {
			if math.Abs(m[r*n+col]) > math.Abs(m[pivot*n+col]) {
				pivot = r
			}
		}
		if m[pivot*n+col] == 0 {
			return 0
		}
		if pivot != col {
			det = -det
			for k := range n {
				m[pivot*n+k], m[col*n+k] = m[col*n+k], m[pivot*n+k]
			}
		}
		det *= m[col*n+col]
		for r := col + 1; r < n; r++ {
			f := m[r*n+col] / m[col*n+col]
			for k := col; k < n; k++ {
				m[r*n+k] -= f * m[col*n+k]
			}
		}
	}
	return det
}
