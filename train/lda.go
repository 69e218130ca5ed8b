package train

import (
	"fmt"
	"math"

	"featstore/train/internal/bitexact"
	"featstore/train/internal/cholesky"
	"featstore/train/internal/product"
)

// fitLDA fits a Gaussian for each label, all with one covariance: linear
// discriminant analysis, the Bayes classifier that suits correlated features. The
// covariance of each label is shrunk towards a diagonal one by the amount of
// Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional
// covariance matrices", after standardising its features, and the labels' are
// averaged by their frequency. scikit-learn does the same for shrinkage='auto'.
//
// It takes 12·D² bytes besides the features: 20 MB for D = 1,280.
func fitLDA(t *table, pool *workerPool) (*layer, error) {
	d := t.dim()
	means := t.means(pool)
	factor, err := factorize(pooledCovariance(t, means, pool), d, pool)
	if err != nil {
		return nil, err
	}
	// Differences from the overall mean give the same differences of scores, with
	// less cancellation in float32.
	middle := overallMean(t, means)
	white := make([]float64, d*t.labels)
	for c := range t.labels {
		for k := range d {
			white[k*t.labels+c] = means[c*d+k] - middle[k]
		}
	}
	cholesky.Solve(factor, d, white, t.labels)
	l := newLayer(t.labels, d)
	for c, n := range t.counts() {
		if n == 0 {
			l.bias[c] = noScore
			continue
		}
		half := 0.0
		for k := range d {
			w := white[k*t.labels+c]
			l.weights[c*d+k] = float32(w)
			half += float64(w * (means[c*d+k] + middle[k]) / 2)
		}
		l.bias[c] = float32(bitexact.Log(float64(n)/float64(len(t.rows))) - half)
	}
	return &l, nil
}

// independence is the share of a feature's variance that the features before it must
// leave unexplained for the covariance to be inverted as it is.
const independence = 1e-10

// factorize returns the Cholesky factor of a d×d covariance, in place of it. Where that
// is singular, as with constant or duplicate features and no shrinkage, each feature's
// variance is enlarged by a millionth, and features without any get 1. The factor
// overwrites the upper triangle and the diagonal; the covariance is made anew from the
// lower triangle.
func factorize(covariance []float64, d int, pool *workerPool) ([]float64, error) {
	diagonal := make([]float64, d)
	for k := range diagonal {
		diagonal[k] = covariance[k*d+k]
	}
	if cholesky.Factor(covariance, d, independence, pool.parts(), pool.run) {
		return covariance, nil
	}
	for k, v := range diagonal {
		for i := range k {
			covariance[i*d+k] = covariance[k*d+i]
		}
		if v == 0 {
			covariance[k*d+k] = 1
		} else {
			covariance[k*d+k] = v * (1 + 1e-6)
		}
	}
	if !cholesky.Factor(covariance, d, 0, pool.parts(), pool.run) {
		return nil, fmt.Errorf("%w: the covariance of the features cannot be inverted: add photos, or choose another head", ErrTooFew)
	}
	return covariance, nil
}

// overallMean is the mean of all images' features.
func overallMean(t *table, means []float64) []float64 {
	d := t.dim()
	middle := make([]float64, d)
	for c, n := range t.counts() {
		for k := range middle {
			middle[k] += float64(means[c*d+k] * float64(n) / float64(len(t.rows)))
		}
	}
	return middle
}

// pooledCovariance returns the sum over labels of prior · shrunk covariance.
// With z a label's centred image times √(prior·(1−shrinkage)/n), it is the sum of
// z·zᵀ over all images plus a diagonal. Both triangles are filled.
func pooledCovariance(t *table, means []float64, pool *workerPool) []float64 {
	d, n := t.dim(), len(t.rows)
	z := make([]float32, n*d)
	diagonal := make([]float64, d)
	at := 0
	for c, count := range t.counts() {
		if count == 0 {
			continue
		}
		block := z[at*d : (at+count)*d]
		at += count
		prior := float64(count) / float64(n)
		deviation := standardise(block, t, c, means[c*d:(c+1)*d])
		shrinkage, target := ledoitWolf(block, count, d, pool)
		scale := math.Sqrt(prior * (1 - shrinkage) / float64(count))
		for i, v := range block {
			block[i] = float32(float64(v) * deviation[i%d] * scale)
		}
		for k, s := range deviation {
			diagonal[k] += float64(prior * shrinkage * target * s * s)
		}
	}
	sums := make([]float32, d*d)
	pool.run(func(part int) {
		lo, hi := triangleShare(d, part, pool.parts())
		product.AddGram(sums, z, d, lo, hi)
	})
	covariance := make([]float64, d*d)
	for i := range d {
		for k := i; k < d; k++ {
			covariance[i*d+k] = float64(sums[i*d+k])
			covariance[k*d+i] = covariance[i*d+k]
		}
		covariance[i*d+i] += diagonal[i]
	}
	return covariance
}

// standardise sets block to label c's images with each feature brought to mean 0
// and deviation 1, and returns the deviations, 1 for a constant feature.
func standardise(block []float32, t *table, c int, mean []float64) []float64 {
	d := len(mean)
	deviation := make([]float64, d)
	at := 0
	for i, row := range t.rows {
		if t.truth[i] != c {
			continue
		}
		for k, x := range row {
			v := float64(x) - mean[k]
			deviation[k] += float64(v * v)
			block[at+k] = float32(v)
		}
		at += d
	}
	n := float64(at / d)
	for k, s := range deviation {
		s = math.Sqrt(s / n)
		// A constant feature's deviation is rounding error.
		if s <= 1e-6*math.Abs(mean[k]) {
			s = 1
		}
		deviation[k] = s
	}
	for i := range block[:at] {
		block[i] = float32(float64(block[i]) / deviation[i%d])
	}
	return deviation
}

// ledoitWolf returns how much to shrink the covariance of n centred images x of d
// features, 0 to 1, towards target times the unit matrix.
func ledoitWolf(x []float32, n, d int, pool *workerPool) (shrinkage, target float64) {
	var trace, fourth float64
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = x[i*d : (i+1)*d]
		s := squares(rows[i])
		trace += s
		fourth += float64(s * s)
	}
	trace /= float64(n)
	target = trace / float64(d)
	frobenius := squaredGram(rows, pool) / (float64(n) * float64(n)) // ‖covariance‖²
	p := float64(d)
	noise := (fourth/float64(n) - frobenius) / (p * float64(n))
	spread := (frobenius - float64(2*target*trace) + float64(p*target*target)) / p
	noise = min(noise, spread)
	if noise <= 0 {
		return 0, target
	}
	return noise / spread, target
}

// squaredGram returns the sum of the squares of all products of two rows, which is
// also that of all products of two columns.
func squaredGram(rows [][]float32, pool *workerPool) float64 {
	n := len(rows)
	sums := make([]float64, n)
	const block = 64 // rows that meet all the others at a time
	pool.run(func(part int) {
		out := make([]float32, block*n)
		for lo := part * block; lo < n; lo += block * pool.parts() {
			hi := min(lo+block, n)
			w := flatten(rows[lo:hi])
			dots := out[:(n-lo)*(hi-lo)]
			product.Dots(dots, rows[lo:], w, len(rows[0]))
			for i := range n - lo {
				for k := range hi - lo {
					v := float64(dots[i*(hi-lo)+k])
					// Each pair of different rows is met once and counts twice.
					if i > k {
						sums[lo+k] += float64(2 * v * v)
					} else if i == k {
						sums[lo+k] += float64(v * v)
					}
				}
			}
		}
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}

// flatten returns rows that lie one after the other in memory as one slice, and
// copies others.
func flatten(rows [][]float32) []float32 {
	if len(rows) == 0 {
		return nil
	}
	d := len(rows[0])
	out := make([]float32, 0, len(rows)*d)
	for _, r := range rows {
		out = append(out, r...)
	}
	return out
}

// triangleShare divides the rows of an upper triangle so that each part has as
// many elements, in whole pairs of rows.
func triangleShare(n, part, parts int) (lo, hi int) {
	edge := func(p int) int {
		if p == parts {
			return n
		}
		share := float64(p) / float64(parts)
		return int(float64(n)*(1-math.Sqrt(1-share))) &^ 1
	}
	return edge(part), edge(part + 1)
}
