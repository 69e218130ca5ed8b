package train

// noScore is the bias of a label without training images: finite, so that it can
// be saved, and below everything.
const noScore = -1e30

// fitCentroid fits the nearest class mean by Euclidean distance: an image's label
// is the one whose mean is nearest. It is a Gaussian for each label, all with the
// same spread in every direction, so a score is −‖x−mean‖²/2σ², less what all
// labels share: a linear function. A handful of images a label is enough.
func fitCentroid(t *table, pool *workerPool) *layer {
	d := t.dim()
	means := t.means(pool)
	within := 0.0
	for _, v := range t.scatter(means, pool) {
		within += v
	}
	present := len(t.present())
	variance := within / (float64(max(len(t.rows)-present, 1)) * float64(d))
	if variance == 0 {
		variance = 1 // one image a label, or all the same: any spread gives the same order
	}
	l := newLayer(t.labels, d)
	for c, n := range t.counts() {
		if n == 0 {
			l.bias[c] = noScore
			continue
		}
		length := 0.0
		for k, m := range means[c*d : (c+1)*d] {
			l.weights[c*d+k] = float32(m / variance)
			length += float64(m * m)
		}
		l.bias[c] = float32(-length / 2 / variance)
	}
	return &l
}
