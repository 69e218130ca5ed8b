package train

import (
	"math"
	"math/rand/v2"

	"featstore/train/internal/bitexact"
	"featstore/train/internal/product"
)

// A layer is one fully connected layer: logit c of an input x is the dot product
// of row c of the weights with x, plus bias c.
type layer struct {
	dim     int       // D, the number of features
	weights []float32 // C×D, row-major: a row of weights a label
	bias    []float32 // C
}

func newLayer(labels, dim int) layer {
	return layer{dim: dim, weights: make([]float32, labels*dim), bias: make([]float32, labels)}
}

// initialise draws the weights from a normal distribution of the given standard
// deviation, cut off at two deviations as TensorFlow's truncated_normal, which the
// article uses. The bias stays zero.
func (l *layer) initialise(rng *rand.Rand, deviation float64) {
	for i := range l.weights {
		l.weights[i] = float32(deviation * truncatedNormal(rng))
	}
}

// truncatedNormal draws from the standard normal distribution restricted to
// [-2,2]: a uniform candidate z is kept with probability exp(-z²/2). Of all exact
// ways this one needs only operations that are the same on every machine.
func truncatedNormal(rng *rand.Rand) float64 {
	for {
		z := float64(4*rng.Float64()) - 2
		if rng.Float64() < bitexact.Exp(-z*z/2) {
			return z
		}
	}
}

// logits sets out, rows×C, to the logits of rows.
func (l *layer) logits(out []float32, rows [][]float32) {
	product.Dots(out, rows, l.weights, l.dim)
	labels := len(l.bias)
	for i := range rows {
		for c, z := range out[i*labels : (i+1)*labels] {
			out[i*labels+c] = z + l.bias[c]
		}
	}
}

// softmax turns logits into probabilities in place and returns the logarithm of
// the sum of their exponentials, the normaliser. Sums are in float64 and in order.
func softmax(z []float32) (logSum float64) {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	var sum float64
	for _, v := range z {
		sum += bitexact.Exp(float64(v) - float64(top))
	}
	for c, v := range z {
		z[c] = float32(bitexact.Exp(float64(v)-float64(top)) / sum)
	}
	return bitexact.Log(sum) + float64(top)
}

// argmax returns the place of the largest value, the first of equals.
func argmax(z []float32) int {
	best := 0
	for c, v := range z {
		if v > z[best] {
			best = c
		}
	}
	return best
}

// An sgd takes steps of stochastic gradient descent on the mean cross-entropy of
// minibatches. Its results do not depend on the number of workers.
type sgd struct {
	layer
	rate float64
	pool *workerPool

	labelWeights []float64 // how much an image of each label counts; nil for all 1

	// The current step's, kept to allocate nothing in the loop.
	rows      [][]float32
	truth     []int
	factors   []float32 // batch×C: the gradient by the logits, times -rate/batch
	forward   func(part int)
	backward  func(part int)
	exps      [][]float64 // a part's exponentials of one row
	nonFinite []bool      // a part's verdict
}

// newSGD returns a descent on l, with room for minibatches of batch rows.
func newSGD(l layer, rate float64, batch int, c *workerPool) *sgd {
	labels := len(l.bias)
	s := &sgd{layer: l, rate: rate, pool: c, factors: make([]float32, batch*labels), nonFinite: make([]bool, c.parts())}
	for range c.parts() {
		s.exps = append(s.exps, make([]float64, labels))
	}
	s.forward, s.backward = s.forwardPart, s.backwardPart
	return s
}

// step moves the layer against the gradient of the mean cross-entropy of rows,
// whose labels are truth. It reports false when a logit is not a finite number; the
// layer is then not moved.
func (s *sgd) step(rows [][]float32, truth []int) bool {
	s.rows, s.truth = rows, truth
	clear(s.nonFinite)
	parallel := product.WorthSharing(len(rows) * len(s.weights))
	if parallel {
		s.pool.run(s.forward)
	} else {
		s.forwardRows(0, len(rows), 0)
	}
	for _, bad := range s.nonFinite {
		if bad {
			return false
		}
	}
	if parallel {
		s.pool.run(s.backward)
	} else {
		product.AddOuter(s.weights, rows, s.factors, s.dim, 0, s.dim)
	}
	s.moveBias()
	return true
}

func (s *sgd) forwardPart(part int) {
	lo, hi := share(len(s.rows), part, s.pool.parts(), 4)
	s.forwardRows(lo, hi, part)
}

func (s *sgd) backwardPart(part int) {
	lo, hi := share(s.dim, part, s.pool.parts(), 64)
	product.AddOuter(s.weights, s.rows, s.factors, s.dim, lo, hi)
}

// forwardRows sets the factors of the rows lo ≤ i < hi.
func (s *sgd) forwardRows(lo, hi, part int) {
	labels := len(s.bias)
	z := s.factors[lo*labels : hi*labels]
	s.logits(z, s.rows[lo:hi])
	scale := -s.rate / float64(len(s.rows))
	for i := range hi - lo {
		truth, factor := s.truth[lo+i], scale
		if s.labelWeights != nil {
			factor *= s.labelWeights[truth]
		}
		loss := lossAndGradient(z[i*labels:(i+1)*labels], s.exps[part], truth, factor)
		if math.IsNaN(loss) {
			s.nonFinite[part] = true
		}
	}
}

// lossAndGradient returns the cross-entropy of one image's logits and replaces them by
// its gradient with respect to them, times scale: scale·(p_c − 1 where c is the true
// label, else p_c). The loss is NaN where the logits are not finite.
func lossAndGradient(z []float32, exps []float64, truth int, scale float64) float64 {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	margin := float64(z[truth]) - float64(top)
	var sum float64
	for c, v := range z {
		exps[c] = bitexact.Exp(float64(v) - float64(top))
		sum += exps[c]
	}
	for c, e := range exps {
		p := e / sum
		if c == truth {
			p--
		}
		z[c] = float32(scale * p)
	}
	return bitexact.Log(sum) - margin
}

func (s *sgd) moveBias() {
	labels := len(s.bias)
	for i := range s.rows {
		for c, f := range s.factors[i*labels : (i+1)*labels] {
			s.bias[c] += f
		}
	}
}

// crossEntropy returns the mean over rows of −ln p of the true label, from their
// logits, rows×C.
func crossEntropy(logits []float32, truth []int) float64 {
	labels := len(logits) / len(truth)
	scratch := make([]float32, labels)
	var sum float64
	for i, y := range truth {
		z := logits[i*labels : (i+1)*labels]
		copy(scratch, z)
		sum += softmax(scratch) - float64(z[y])
	}
	return sum / float64(len(truth))
}
