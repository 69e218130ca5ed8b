package exec

import (
	"featstore/extract/internal/kernel"
)

// Strassen found that a product of matrices cut into quarters takes seven products
// of quarters instead of eight, and Winograd the form of it with the fewest sums:
//
//	P1 = A11·B11    P5 = S1·T1    C11 = P1 + P2
//	P2 = A12·B21    P6 = S2·T2    C12 = P1 + P6 + P5 + P3
//	P3 = S4·B22     P7 = S3·T3    C21 = P1 + P6 + P7 + P4
//	P4 = A22·T4                   C22 = P1 + P6 + P7 + P5
//
//	S1 = A21 + A22    T1 = B12 − B11
//	S2 = S1 − A11     T2 = B22 − T1
//	S3 = A11 − A21    T3 = B22 − B12
//	S4 = A12 − S2     T4 = B21 − T2
//
// Here the rows of A and C are pixels. Those with even numbers are the upper half, the
// ones that follow them the lower one: a pair of pixels is a row of all four quarters.
//
// Source: V. Strassen, "Gaussian Elimination is not Optimal" (1969); S. Winograd, "On
// multiplication of 2×2 matrices" (1971).

// sumsOfPixels are S1 … S4 from A11, A12, A21 and A22, a row for each.
var sumsOfPixels = []float32{
	0, -1, 1, 1,
	0, 0, 0, 1,
	1, 1, -1, -1,
	1, 1, 0, -1,
}

// sumsOfWeights are the right sides of P1 … P7 from B11, B12, B21 and B22.
var sumsOfWeights = [7][4]float64{
	{1, 0, 0, 0},   // P1
	{0, 0, 1, 0},   // P2
	{1, -1, 0, 1},  // P6
	{-1, 1, 0, 0},  // P5
	{0, -1, 0, 1},  // P7
	{-1, 1, 1, -1}, // P4
	{0, 0, 0, 1},   // P3
}

// A strassenWeights holds the weights of a product for Strassen's algorithm.
type strassenWeights struct {
	k, n    int            // of a quarter
	weights *kernel.Packed // a panel has its columns of the right sides of P1 … P7, one below the other
	low     []float32      // bias of the first half of the columns
	high    []float32      // of the second half, both padded to whole panels
}

// newStrassenWeights packs weights of even dimensions.
func newStrassenWeights(set *kernel.Set, c ConvShape, weight []float32) *strassenWeights {
	b := &strassenWeights{k: c.CIn / 2, n: c.COut / 2}
	depth := len(sumsOfWeights) * b.k
	w := make([]float32, b.n*depth)
	for j := range b.n {
		low, high := weight[j*c.CIn:][:c.CIn], weight[(j+b.n)*c.CIn:][:c.CIn]
		quarters := [4][]float32{low[:b.k], high[:b.k], low[b.k:], high[b.k:]}
		for i, factors := range sumsOfWeights {
			to := w[j*depth+i*b.k:][:b.k]
			for l := range to {
				sum := 0.0
				for q, f := range factors {
					sum += f * float64(quarters[q][l])
				}
				to[l] = float32(sum)
			}
		}
	}
	b.weights = set.Pack(b.n, depth, w, nil)
	last := b.weights.Panels[len(b.weights.Panels)-1]
	b.low, b.high = kernel.Aligned(last.Col+len(last.Bias)), kernel.Aligned(last.Col+len(last.Bias))
	copy(b.low, c.Bias[:b.n])
	copy(b.high, c.Bias[b.n:])
	return b
}
