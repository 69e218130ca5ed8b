// Package product multiplies float32 matrices in one fixed order of summation, so
// that its results are the same to the last bit on every machine, whatever the
// instruction set and however many workers share the product.
//
// A dot product runs in 16 lanes: lane l adds up the products of the elements
// l, l+16, l+32, … in that order, and the lanes are then added as a tree (8 on 8,
// 4 on 4, 2 on 2, 1 on 1). An outer product adds its rows one after the other.
// Every product is rounded before it is added: a fused multiply-add would round
// once and differ. The assembly (AVX2, AVX-512) does the same operations
// in the same order, many lanes at a time; the build tag purego leaves it out.
//
// gonum's blas32 takes four to six times as long for the same products (BenchmarkDots,
// BenchmarkGram) and adds up in an order that depends on the architecture.
//
// A matrix of weights is C×D, row-major: one row of D weights a label. Inputs are
// a slice of rows, as they lie in the store.
package product

// Lanes is the number of partial sums of a dot product. It is part of what makes a
// trained head reproducible, so it cannot be changed.
const Lanes = 16

// Dots sets out[i·C+c] to the dot product of rows[i] and row c of w, a C×dim
// matrix. Every row must have at least dim elements.
func Dots(out []float32, rows [][]float32, w []float32, dim int) {
	labels := checkDots(out, rows, w, dim)
	if labels == 0 || len(rows) == 0 {
		return
	}
	if useAssembly() {
		dotsVector(out, rows, w, dim, labels)
		return
	}
	dotsPortable(out, rows, w, dim, labels)
}

// AddOuter adds to row c of w, a C×dim matrix, the sum over i of
// g[i·C+c]·rows[i], for the columns lo ≤ k < hi. The sum starts from zero and is
// added to w once, at its end.
func AddOuter(w []float32, rows [][]float32, g []float32, dim, lo, hi int) {
	labels := checkOuter(w, rows, g, dim, lo, hi)
	if labels == 0 || len(rows) == 0 || lo == hi {
		return
	}
	if useAssembly() {
		lo = outerVector(w, rows, g, dim, 0, labels, labels, lo, hi)
	}
	outerPortable(w, rows, g, dim, 0, labels, labels, lo, hi)
}

// WorthSharing tells whether a product of n multiplications takes so much longer
// than waking a second worker (some microseconds) that sharing it pays.
func WorthSharing(n int) bool {
	if useAssembly() {
		return n >= 1<<22
	}
	return n >= 1<<18
}

// checkDots panics on sizes that do not fit: the assembly checks no bounds.
func checkDots(out []float32, rows [][]float32, w []float32, dim int) (labels int) {
	labels = countLabels(w, dim)
	if len(out) < len(rows)*labels {
		panic("product: the result is too short")
	}
	checkRows(rows, dim)
	return labels
}

func checkOuter(w []float32, rows [][]float32, g []float32, dim, lo, hi int) (labels int) {
	labels = countLabels(w, dim)
	if len(g) < len(rows)*labels {
		panic("product: too few factors for the rows")
	}
	if lo < 0 || lo > hi || hi > dim {
		panic("product: columns out of range")
	}
	checkRows(rows, dim)
	return labels
}

func countLabels(w []float32, dim int) int {
	if dim <= 0 || len(w)%dim != 0 {
		panic("product: the weights are not a whole number of rows")
	}
	return len(w) / dim
}

func checkRows(rows [][]float32, dim int) {
	for _, row := range rows {
		if len(row) < dim {
			panic("product: a row is too short")
		}
	}
}

// AddGram adds to the upper triangle of out, a dim×dim matrix, the products of each
// two columns of x, an n×dim matrix: out[a·dim+b] += Σ_i x[i·dim+a]·x[i·dim+b] for
// lo ≤ a < hi and b ≥ a. Some elements below the diagonal change as well. It works
// in blocks of rows, each of which is added up from zero.
func AddGram(out, x []float32, dim, lo, hi int) {
	n := countLabels(x, dim)
	if len(out) < dim*dim || lo < 0 || lo > hi || hi > dim {
		panic("product: the result is too small")
	}
	rows := make([][]float32, 0, gramRows)
	for i := 0; i < n; i += gramRows {
		block := x[i*dim : min(i+gramRows, n)*dim]
		rows = rows[:0]
		for r := 0; r < len(block); r += dim {
			rows = append(rows, block[r:r+dim])
		}
		gramBlock(out, rows, block, dim, lo, hi)
	}
}

const (
	gramRows    = 256 // rows a block: 64 columns of them fit the first cache
	gramColumns = 64  // columns at a time
)

// gramBlock takes a band of columns through all labels, so that the band stays in
// cache.
func gramBlock(out []float32, rows [][]float32, x []float32, dim, lo, hi int) {
	for k := lo - lo%gramColumns; k < dim; k += gramColumns {
		end := min(k+gramColumns, dim)
		last := min(hi, end) // rows of the result that reach this band
		from := k
		if useAssembly() {
			from = outerVector(out, rows, x, dim, lo, last, dim, k, end)
		}
		if from < end {
			outerPortable(out, rows, x, dim, lo, last, dim, from, end)
		}
	}
}
