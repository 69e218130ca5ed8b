package train

import (
	"fmt"
	"math"
	"time"

	"featstore/store"
	"featstore/train/internal/bitexact"
)

// The kinds of head.
const (
	KindSoftmax  = "softmax"  // the article's: one softmax layer, stochastic gradient descent
	KindLogistic = "logistic" // multinomial logistic regression, to convergence
	KindSVM      = "svm"      // linear support vector machines, one label against the rest
	KindBayes    = "bayes"    // Gaussian naive Bayes
	KindLDA      = "lda"      // Gaussian Bayes with one shared, shrunk covariance
	KindKNN      = "knn"      // k nearest neighbours by cosine
	KindCentroid = "centroid" // nearest mean of a label
	KindMLP      = "mlp"      // hidden layers before the output, AdamW

	// KindAuto is not a kind of its own: it asks to try all of them.
	KindAuto = "auto"
)

// A Head is a trained classifier: what turns the features of an image into the
// probabilities of labels, with what it was trained on. It is immutable once it
// is trained or loaded, and may be used by several goroutines.
//
// The features are scaled, the classifier gives each label a score, and the
// probabilities are the softmax of (scores + Shift) ÷ Temperature: the temperature
// changes how sure the head is, never which label it finds most probable.
type Head struct {
	Kind    string
	Labels  []string // sorted, in the order of the probabilities
	Models  []string // ids of the networks, in the order their features are concatenated
	Dim     int      // D, the number of features: the sum of the networks' dimensions
	Created time.Time
	Version string // of featstore; set by the caller before Save
	Config  Config // complete, with what was chosen

	// Temperature was fitted on the validation split so that the probabilities are
	// right on average; 1 if there were too few images.
	Temperature float64

	// Shift corrects the frequencies of the labels, see Config.Prior; nil for none.
	Shift []float64

	// Reject says when an image is taken for none of the labels.
	Reject Rejection

	// Trained says which images the head has seen.
	Trained store.TrainedOn

	// Test is its result on the testing split, Total 0 if there was none.
	Test Proportion

	scaling    *scaling
	classifier classifier
	prototypes *prototypes // nil if it cannot tell what is none of the labels
}

// A classifier gives each label a score, from which softmax makes probabilities.
type classifier interface {
	// scores sets out, rows×C, to the score of each label: a log-probability, up to a
	// constant of the row and a common factor. Rows are D scaled features each.
	scores(out []float64, rows [][]float32)

	// check reports why the classifier does not fit that many labels and features.
	check(labels, dim int) error

	// finite tells whether all that was learnt is finite numbers.
	finite() bool
}

// Predict sets probs, one a label, to the probabilities of the labels for an image
// with features x, of length Dim.
func (h *Head) Predict(x []float32, probs []float64) error {
	if len(x) != h.Dim {
		return fmt.Errorf("%w: got %d, the head takes %d", ErrWrongFeature, len(x), h.Dim)
	}
	if len(probs) != len(h.Labels) {
		return fmt.Errorf("room for %d probabilities, the head gives %d", len(probs), len(h.Labels))
	}
	for k, v := range x {
		if v-v != 0 {
			return fmt.Errorf("%w: feature %d is %v", ErrNotFinite, k, v)
		}
	}
	h.scores(probs, [][]float32{x})
	h.probabilities(probs)
	if !allFinite(probs) {
		return fmt.Errorf("%w: the features are so large that the scores overflow", ErrNotFinite)
	}
	return nil
}

// scores sets out, rows×C, to the classifier's scores of unscaled rows.
func (h *Head) scores(out []float64, rows [][]float32) {
	if h.scaling.identity() {
		h.classifier.scores(out, rows)
		return
	}
	scaled := make([][]float32, len(rows))
	for i, row := range rows {
		scaled[i] = make([]float32, len(row))
		h.scaling.apply(scaled[i], row)
	}
	h.classifier.scores(out, scaled)
}

// probabilities turns one image's scores into probabilities, in place.
func (h *Head) probabilities(z []float64) {
	for c := range z {
		if h.Shift != nil {
			z[c] += h.Shift[c]
		}
		z[c] /= h.Temperature
	}
	softmax64(z)
}

// softmax64 turns scores into probabilities in place. Scores of -Inf get none.
func softmax64(z []float64) {
	top := math.Inf(-1)
	for _, v := range z {
		top = max(top, v)
	}
	sum := 0.0
	for c, v := range z {
		z[c] = bitexact.Exp(v - top)
		sum += z[c]
	}
	for c := range z {
		z[c] /= sum
	}
}

// scores makes a layer a classifier.
func (l *layer) scores(out []float64, rows [][]float32) { widen(out, rows, l.logits) }

// widen sets out, rows×C, to logits as float64.
func widen(out []float64, rows [][]float32, logits func(out []float32, rows [][]float32)) {
	z := make([]float32, len(out))
	logits(z, rows)
	for i, v := range z {
		out[i] = float64(v)
	}
}

func (l *layer) finite() bool { return allFinite(l.weights) && allFinite(l.bias) }

// allFinite tells whether no value is NaN or infinite.
func allFinite[F float32 | float64](values []F) bool {
	for _, v := range values {
		if v-v != 0 {
			return false
		}
	}
	return true
}

func (l *layer) check(labels, dim int) error {
	if len(l.bias) != labels || len(l.weights) != labels*dim {
		return corruptSize("linear", labels, dim)
	}
	return nil
}
