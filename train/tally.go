package train

import (
	"math"

	"featstore/split"
	"featstore/train/internal/bitexact"
)

// A tally gathers what a Report says, one image at a time.
type tally struct {
	labels    []string
	known     int // the head's labels come first
	confusion *Confusion
	ranks     []int // images whose true label came at each rank
	logLoss   float64
	brier     float64
	bins      [eceBins]bin
	misses    []Miss
	total     int
}

// A bin gathers the images whose top probability lies in one interval.
type bin struct {
	count, correct int
	confidence     float64 // sum
}

const eceBins = 15 // as in Guo et al. 2017, On Calibration of Modern Neural Networks

// newTally returns a tally for a head of the first known labels; images may also
// have one of the others, which the head can only get wrong.
func newTally(labels []string, known int) *tally {
	return &tally{labels: labels, known: known, confusion: NewConfusion(labels), ranks: make([]int, known)}
}

// add counts an image of label truth (an index of the tally's labels) for which
// the head gave probs.
func (t *tally) add(d split.Digest, truth int, probs []float64) {
	top := argmax64(probs)
	t.total++
	t.confusion.Add(truth, top)
	p := 0.0
	if truth < t.known {
		p = probs[truth]
		t.ranks[rankOf(probs, truth)]++
	}
	t.logLoss -= bitexact.Log(max(p, epsilon))
	t.brier += brierOf(probs, truth)
	b := &t.bins[max(0, min(int(probs[top]*eceBins), eceBins-1))]
	b.count++
	b.confidence += probs[top]
	if top == truth {
		b.correct++
		return
	}
	t.misses = append(t.misses, Miss{Digest: d, Truth: t.labels[truth], Predicted: t.labels[top], Probability: probs[top], TruthProbability: p})
}

// epsilon is the least probability that the log loss counts with, as in scikit-learn,
// so that one image does not make the mean infinite.
const epsilon = 0x1p-52

// rankOf returns how many labels are placed before truth: those more probable,
// and those as probable that come first.
func rankOf(probs []float64, truth int) int {
	rank := 0
	for c, p := range probs {
		if p > probs[truth] || p == probs[truth] && c < truth {
			rank++
		}
	}
	return rank
}

// brierOf is the squared distance of probs from the truth.
func brierOf(probs []float64, truth int) float64 {
	sum := 0.0
	for c, p := range probs {
		if c == truth {
			p--
		}
		sum += float64(p * p)
	}
	if truth >= len(probs) {
		sum++
	}
	return sum
}

// expectedCalibrationError is the mean over images of |accuracy − confidence| of
// their bin.
func (t *tally) expectedCalibrationError() float64 {
	sum := 0.0
	for _, b := range t.bins {
		sum += math.Abs(float64(b.correct) - b.confidence)
	}
	return ratio(sum, float64(t.total))
}

// calibration returns the bins that have images.
func (t *tally) calibration() []CalibrationBin {
	out := []CalibrationBin{}
	for i, b := range t.bins {
		if b.count > 0 {
			out = append(out, CalibrationBin{float64(i) / eceBins, float64(i+1) / eceBins, b.confidence / float64(b.count), NewProportion(b.correct, b.count)})
		}
	}
	return out
}

// topK returns the proportion of images whose true label is among the k most
// probable.
func (t *tally) topK(k int) Proportion {
	hits := 0
	for _, n := range t.ranks[:k] {
		hits += n
	}
	return NewProportion(hits, t.total)
}

func argmax64(z []float64) int {
	best := 0
	for c, v := range z {
		if v > z[best] {
			best = c
		}
	}
	return best
}
