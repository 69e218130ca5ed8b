package train

import "gonum.org/v1/gonum/stat/distuv"

// McNemar compares two heads on the same images: a of these only the one tells wrongly, b
// only the other. It returns the probability of counts that differ as much or more if both
// heads are as good, by the exact binomial test (McNemar 1947).
func McNemar(a, b int) float64 {
	if a == b {
		return 1
	}
	d := distuv.Binomial{N: float64(a + b), P: 0.5}
	return min(2*d.CDF(float64(min(a, b))), 1)
}
