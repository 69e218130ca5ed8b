package train

import (
	"math"

	"featstore/train/internal/bitexact"
)

// A bayes is a Gaussian naive Bayes classifier: each feature of each label has a
// normal distribution of its own, independent of the others.
type bayes struct {
	d        int
	mean     []float64 // C×D
	inverse  []float64 // C×D: 1/variance
	constant []float64 // C: ln prior − ½ Σ ln 2π·variance
}

// varianceSmoothing is the share of the largest variance of a feature that is
// added to all variances, as in scikit-learn: features that never varied would
// otherwise decide alone.
const varianceSmoothing = 1e-9

// fitBayes fits the classifier with the labels' frequencies as priors.
func fitBayes(t *table, smoothing float64, pool *workerPool) *bayes {
	d := t.dim()
	b := &bayes{d: d, mean: t.means(pool), constant: make([]float64, t.labels)}
	b.inverse = t.scatter(b.mean, pool)
	counts := t.counts()
	floor := smoothing * b.largestVariance(counts)
	if floor == 0 {
		floor = 1 // all images are the same
	}
	for c, n := range counts {
		if n == 0 {
			b.constant[c] = noScore
			continue
		}
		b.constant[c] = bitexact.Log(float64(n) / float64(len(t.rows)))
		for k := c * d; k < (c+1)*d; k++ {
			variance := b.inverse[k]/float64(n) + floor
			b.inverse[k] = 1 / variance
			b.constant[c] -= float64(bitexact.Log(2*math.Pi*variance) / 2)
		}
	}
	return b
}

// largestVariance is the largest variance of a feature over all images. While it is
// called, inverse holds the sums of squares around the labels' means, from which those
// around the overall mean are computed.
func (b *bayes) largestVariance(counts []int) float64 {
	n := 0
	for _, k := range counts {
		n += k
	}
	top := 0.0
	for k := range b.d {
		var mean, squares float64
		for c, m := range counts {
			mean += float64(b.mean[c*b.d+k] * float64(m) / float64(n))
		}
		for c, m := range counts {
			v := b.mean[c*b.d+k] - mean
			squares += b.inverse[c*b.d+k] + float64(v*v*float64(m))
		}
		top = max(top, squares/float64(n))
	}
	return top
}

func (b *bayes) scores(out []float64, rows [][]float32) {
	labels := len(b.constant)
	for i, row := range rows {
		for c := range labels {
			mean, inverse := b.mean[c*b.d:(c+1)*b.d], b.inverse[c*b.d:(c+1)*b.d]
			var s0, s1 float64
			for k := 0; k+1 < len(row); k += 2 {
				v, w := float64(row[k])-mean[k], float64(row[k+1])-mean[k+1]
				s0 += float64(float64(v*v) * inverse[k])
				s1 += float64(float64(w*w) * inverse[k+1])
			}
			if k := len(row) - 1; k%2 == 0 {
				v := float64(row[k]) - mean[k]
				s0 += float64(float64(v*v) * inverse[k])
			}
			out[i*labels+c] = b.constant[c] - float64((s0+s1)/2)
		}
	}
}

func (b *bayes) finite() bool {
	return allFinite(b.mean) && allFinite(b.inverse) && allFinite(b.constant)
}

func (b *bayes) check(labels, dim int) error {
	if b.d != dim || len(b.mean) != labels*dim || len(b.inverse) != labels*dim || len(b.constant) != labels {
		return corruptSize("bayes", labels, dim)
	}
	return nil
}
