package train

import (
	"fmt"
	"sort"

	"featstore/split"
)

// A Report says how good a head is on one split.
type Report struct {
	Split    split.Split  `json:"split"`
	Average  string       `json:"average,omitempty"` // further views of each image whose probabilities were averaged with its own
	Accuracy Proportion   `json:"accuracy"`
	TopK     []TopK       `json:"top_k"` // for the k of 1, 2, 3, 5 that are below the number of labels
	Macro    MacroScore   `json:"macro"`
	Labels   []LabelScore `json:"labels"`

	LogLoss float64 `json:"log_loss"` // mean of −ln p of the true label, in nats
	Brier   float64 `json:"brier"`    // mean squared distance of the probabilities from the truth, 0…2
	ECE     float64 `json:"ece"`      // expected calibration error in 15 bins, 0…1

	Calibration []CalibrationBin `json:"calibration"` // the bins that have images

	// Reject says what the head's threshold does on this split, if it has one.
	Reject *RejectReport `json:"reject,omitempty"`

	Confusion *Confusion `json:"confusion"`
	Misses    []Miss     `json:"misclassified"` // most confident first: that is where label errors hide

	// Warnings say what makes the figures doubtful.
	Warnings []string `json:"warnings,omitempty"`
}

// A CalibrationBin is the images whose top probability is from Low on, below High (1 is in
// the last bin): how probable they were on average, and how many are right.
type CalibrationBin struct {
	Low        float64    `json:"low"`
	High       float64    `json:"high"`
	Confidence float64    `json:"confidence"`
	Accuracy   Proportion `json:"accuracy"`
}

// TopK is the proportion of images whose label is among the K most probable.
type TopK struct {
	K        int        `json:"k"`
	Accuracy Proportion `json:"accuracy"`
}

// A RejectReport says how many images were taken for none of the labels, and how
// good the head is on the rest.
type RejectReport struct {
	Threshold float64    `json:"threshold"`
	Rejected  int        `json:"rejected"`
	Share     Share      `json:"share"` // of all images, those rejected
	Accepted  Proportion `json:"accepted"`
}

// A Miss is an image that was taken for another label.
type Miss struct {
	Digest           split.Digest `json:"digest"`
	Paths            []string     `json:"paths"` // every file with these bytes
	Truth            string       `json:"truth"`
	Predicted        string       `json:"predicted"`
	Probability      float64      `json:"probability"`       // of Predicted
	TruthProbability float64      `json:"truth_probability"` // of Truth
}

// String returns the accuracy as a line for people: of the testing split the
// article's last.
func (r *Report) String() string {
	if r.Split == split.Testing {
		return fmt.Sprintf("Final test accuracy = %.1f%%", 100*r.Accuracy.Share)
	}
	return fmt.Sprintf("Accuracy on the %v split = %.1f%%", r.Split, 100*r.Accuracy.Share)
}

// Interval returns the accuracy's 95 % interval and count as a line for people.
func (r *Report) Interval() string {
	a := r.Accuracy
	return fmt.Sprintf("95%% interval %.1f%% to %.1f%% (%d of %s)", 100*a.Low, 100*a.High, a.Correct, images(a.Total, ""))
}

// report computes the figures from what was counted.
func (t *tally) report(s split.Split) *Report {
	n := float64(t.total)
	r := &Report{
		Split:    s,
		Accuracy: t.confusion.Accuracy(),
		Macro:    t.confusion.Macro(),
		Labels:   t.confusion.LabelScores(),
		LogLoss:  ratio(t.logLoss, n),
		Brier:    ratio(t.brier, n),
		ECE:      t.expectedCalibrationError(),

		Calibration: t.calibration(),

		Confusion: t.confusion,
		Misses:    t.misses,
	}
	for _, k := range []int{1, 2, 3, 5} {
		if k < t.known {
			r.TopK = append(r.TopK, TopK{k, t.topK(k)})
		}
	}
	sort.SliceStable(r.Misses, func(i, j int) bool { return r.Misses[i].Probability > r.Misses[j].Probability })
	return r
}
