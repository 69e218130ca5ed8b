package train

// targets are the labels of minibatches as they are trained on: smoothed, mixed, and
// weighted by how common they are.
type targets struct {
	smoothing float64   // share of the labels' weight that is spread over all
	weights   []float64 // how much an image of each label counts; nil for all 1
	scratch   []float64 // C
}

func newTargets(labels int, smoothing float64, weights []float64) targets {
	return targets{smoothing: smoothing, weights: weights, scratch: make([]float64, labels)}
}

// lossAndGradient returns the cross-entropy of one image's logits against smoothed and
// mixed labels, as its share of the mean of a minibatch of total images, and replaces the
// logits by its gradient. lambda is the share of the label, the rest its partner's.
func (t *targets) lossAndGradient(z []float32, label, partner int, lambda float64, total int) float64 {
	target := t.scratch
	for c := range target {
		target[c] = t.smoothing / float64(len(target))
	}
	weight := 1.0
	if t.weights != nil {
		weight = float64(lambda*t.weights[label]) + float64((1-lambda)*t.weights[partner])
	}
	target[label] += float64((1 - t.smoothing) * lambda)
	target[partner] += float64((1 - t.smoothing) * (1 - lambda))
	weight /= float64(total)
	expected := 0.0
	for c, v := range z {
		expected += float64(target[c] * float64(v))
	}
	loss := softmax(z) - expected
	for c, p := range z {
		z[c] = float32(weight * (float64(p) - target[c]))
	}
	return float64(weight * loss)
}
