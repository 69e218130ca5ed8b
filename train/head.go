package train

import (
	"fmt"
	"math"
	"time"

	"featstore/store"
	"featstore/train/internal/portable"
)

// The kinds of head.
const (
	KindSoftmax = "softmax" // the article's: one softmax layer, stochastic gradient descent
)

// A Head is a trained classifier: what turns the features of an image into the
// probabilities of labels, with what it was trained on. It is immutable once it
// is trained or loaded, and may be used by several goroutines.
type Head struct {
	Kind    string
	Labels  []string // sorted, in the order of the probabilities
	Models  []string // ids of the networks, in the order their features are concatenated
	Dim     int      // D, the number of features: the sum of the networks' dimensions
	Created time.Time
	Version string // of featstore; set by the caller before Save
	Config  Config

	// Trained says which images the head has seen.
	Trained store.TrainedOn

	// Test is its result on the testing split, Total 0 if there was none.
	Test Proportion

	classifier classifier
}

// A classifier gives each label a score, from which softmax makes probabilities.
type classifier interface {
	// scores sets out, rows×C, to the score of each label: a log-probability, up to a
	// constant of the row. Rows are D features each.
	scores(out []float64, rows [][]float32)

	// check reports why the classifier cannot be one of so many labels and features.
	check(labels, dim int) error
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
	h.predict(probs, [][]float32{x})
	return nil
}

// predict sets probs, rows×C, to the probabilities of rows.
func (h *Head) predict(probs []float64, rows [][]float32) {
	h.classifier.scores(probs, rows)
	labels := len(h.Labels)
	for i := range rows {
		softmax64(probs[i*labels : (i+1)*labels])
	}
}

// softmax64 turns scores into probabilities in place. Scores of -Inf get none.
func softmax64(z []float64) {
	top := math.Inf(-1)
	for _, v := range z {
		top = max(top, v)
	}
	sum := 0.0
	for c, v := range z {
		z[c] = portable.Exp(v - top)
		sum += z[c]
	}
	for c := range z {
		z[c] /= sum
	}
}

// scores makes a layer a classifier.
func (l *layer) scores(out []float64, rows [][]float32) {
	logits := make([]float32, len(out))
	l.logits(logits, rows)
	for i, z := range logits {
		out[i] = float64(z)
	}
}

func (l *layer) check(labels, dim int) error {
	if len(l.bias) != labels || len(l.weights) != labels*dim {
		return fmt.Errorf("%w: %d weights and %d biases, want %d × %d and %d", ErrHeadCorrupt, len(l.weights), len(l.bias), labels, dim, labels)
	}
	return nil
}
