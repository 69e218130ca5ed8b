package engine

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
func newStrassenWeights(set *kernel.Set, c convShape, weight []float32) *strassenWeights {
	b := &strassenWeights{k: c.cin / 2, n: c.cout / 2}
	depth := len(sumsOfWeights) * b.k
	w := make([]float32, b.n*depth)
	for j := range b.n {
		low, high := weight[j*c.cin:][:c.cin], weight[(j+b.n)*c.cin:][:c.cin]
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
	copy(b.low, c.bias[:b.n])
	copy(b.high, c.bias[b.n:])
	return b
}

const (
	cyclesPerSums     = 20.0      // for S1 … S4 of a vector of each quarter
	cyclesPerResults  = 30.0      // for a vector of each quarter
	cyclesPerResidual = 200.0     // the same: residuals are far away, and nothing hides that
	strassenCosts     = 60e3      // besides: twice the weights are fetched, at every image
	strassenAdvantage = 0.5       // what the saved product must be worth
	fewestPixels      = 96        // several cores share pixels: every one of them needs some
	nearResults       = 640 << 10 // floats of a depthwise convolution that stay in the second-level cache or close by
)

// worthStrassen reports whether Strassen's algorithm is cheaper than the plain product.
// Costs are cycles as in choose. It takes 7/4 of the memory for weights.
func (c *conv) worthStrassen(pixels int, residual bool) bool {
	if !c.strassenFits() || pixels < fewestPixels {
		return false
	}
	m, k, n := float64(pixels/2), float64(c.cin/2), float64(c.cout/2)
	saved := m * k * n / macsPerCycle
	results := cyclesPerResults
	if residual {
		results += cyclesPerResidual
	}
	return saved*strassenAdvantage > m*(k*cyclesPerSums+n*results)/16+strassenCosts
}

// strassenFits reports whether all that the algorithm needs can be cut in halves.
func (c *conv) strassenFits() bool {
	return c.pointwise() && c.group == 1 && !c.depthwise() && c.cin%2 == 0 && c.cout%2 == 0
}
