// Package cholesky factorises symmetric positive definite matrices, with the same
// result to the last bit on every machine and for any number of workers.
//
// A = Uᵀ·U, with U upper triangular. Each element of U comes from that of A, from which
// the products of the rows above are subtracted one after the other, in their order,
// each product rounded before it is subtracted. Working in blocks and with several
// workers does not change that order.
//
// gonum's factorisation adds up in an order that depends on the architecture.
package cholesky

import "math"

const (
	blockRows = 64 // rows of U that are found before the rest of the matrix is updated
	tile      = 4  // columns that are packed and updated together
)

// Workers runs a task for the parts 0 to parts-1 at the same time and returns when all
// are done.
type Workers func(task func(part int))

// Factor replaces the upper triangle of a, an n×n matrix in row-major order, by U, and
// leaves what is below the diagonal alone. It reports false, with U incomplete, if a
// row depends on those before it: if no more than a share of tolerance of its diagonal
// element is left.
func Factor(a []float64, n int, tolerance float64, parts int, run Workers) bool {
	least := make([]float64, n)
	for i := range least {
		least[i] = tolerance * a[i*n+i]
	}
	packed := make([]float64, (n+tile-1)/tile*tile*blockRows)
	for from := 0; from < n; from += blockRows {
		to := min(from+blockRows, n)
		if !factorRows(a, n, from, to, least) {
			return false
		}
		if to == n {
			break
		}
		pack(packed, a, n, from, to)
		run(func(part int) { update(a, n, packed, to-from, to, part, parts) })
	}
	return true
}

// factorRows finds the rows from ≤ i < to of U. The rows above them have been subtracted
// before.
func factorRows(a []float64, n, from, to int, least []float64) bool {
	for i := from; i < to; i++ {
		row := a[i*n+i : (i+1)*n]
		for p := from; p < i; p++ {
			above := a[p*n+i : (p+1)*n]
			subtract(row, above, above[0])
		}
		if !(row[0] > least[i]) || math.IsInf(row[0], 1) {
			return false
		}
		row[0] = math.Sqrt(row[0])
		for k := range row[1:] {
			row[1+k] /= row[0]
		}
	}
	return true
}

// subtract takes f·x from dst.
func subtract(dst, x []float64, f float64) {
	x = x[:len(dst)]
	for k := range dst {
		dst[k] -= float64(f * x[k])
	}
}

// pack copies the rows that were found to packed, as update reads them: tile columns of
// all rows, then the next columns. Columns beyond the last are zero.
func pack(packed, a []float64, n, from, to int) {
	at := 0
	for k := 0; k < n; k += tile {
		for p := from; p < to; p++ {
			for c := range tile {
				packed[at] = 0
				if k+c < n {
					packed[at] = a[p*n+k+c]
				}
				at++
			}
		}
	}
}

// update subtracts the products of the packed rows from all elements from row begin, a
// multiple of tile, on. Rows of tiles go to the parts in turn, so that each gets long and short ones.
func update(a []float64, n int, packed []float64, rows, begin, part, parts int) {
	size := rows * tile
	for i := begin/tile + part; i*tile < n; i += parts {
		left := packed[i*size : (i+1)*size]
		for k := i; k*tile < n; k++ {
			right := packed[k*size : (k+1)*size]
			for r := i * tile; r < min((i+1)*tile, n); r++ {
				from, to := max(r, k*tile), min((k+1)*tile, n)
				if to-from < tile {
					updateFew(a[r*n+from:r*n+to], left[r-i*tile:], right[from-k*tile:])
					continue
				}
				updateRow((*[tile]float64)(a[r*n+from:]), left[r-i*tile:], right)
			}
		}
	}
}

// updateRow subtracts from four elements of a row, in the order of the rows packed.
func updateRow(dst *[tile]float64, left, right []float64) {
	s0, s1, s2, s3 := dst[0], dst[1], dst[2], dst[3]
	for len(right) >= tile && len(left) > 0 {
		f, x := left[0], (*[tile]float64)(right)
		s0 -= float64(f * x[0])
		s1 -= float64(f * x[1])
		s2 -= float64(f * x[2])
		s3 -= float64(f * x[3])
		right = right[tile:]
		left = left[min(tile, len(left)):]
	}
	*dst = [tile]float64{s0, s1, s2, s3}
}

// updateFew does the same for fewer than four elements, at the beginning or end of a row.
func updateFew(dst, left, right []float64) {
	for c := range dst {
		for p := 0; p < len(right); p += tile {
			dst[c] -= float64(left[p] * right[p+c])
		}
	}
}

// Solve replaces b, n×m in row-major order, by the solution x of Uᵀ·U·x = b.
func Solve(u []float64, n int, b []float64, m int) {
	for i := range n {
		row := b[i*m : (i+1)*m]
		for p := range i {
			subtract(row, b[p*m:(p+1)*m], u[p*n+i])
		}
		divide(row, u[i*n+i])
	}
	for i := n - 1; i >= 0; i-- {
		row := b[i*m : (i+1)*m]
		for p := i + 1; p < n; p++ {
			subtract(row, b[p*m:(p+1)*m], u[i*n+p])
		}
		divide(row, u[i*n+i])
	}
}

func divide(x []float64, by float64) {
	for k := range x {
		x[k] /= by
	}
}
