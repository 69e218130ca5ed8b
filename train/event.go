package train

import "fmt"

// An Event is something worth telling while a head is trained: a Validation, a
// Warning, a *Leak, an *Unconverged, a Progress, a StrengthChoice or a *Comparison. Its
// String is a text for people.
type Event interface{ String() string }

// A Validation is a look at images that the head is not trained on.
type Validation struct {
	Step  int `json:"step"`  // minibatches so far
	Steps int `json:"steps"` // minibatches in all

	// Accuracy on images drawn from the validation split like a minibatch, or on all of
	// it if Whole.
	Accuracy Proportion `json:"validation"`
	Whole    bool       `json:"-"`

	// Loss is the mean cross-entropy of the same images, in nats.
	Loss float64 `json:"validation_loss"`

	// TrainAccuracy and TrainLoss are those of the last minibatch, before its step.
	TrainAccuracy Proportion `json:"training"`
	TrainLoss     float64    `json:"training_loss"`
}

// String returns the article's line. Without validation images it says how the
// training goes.
func (v Validation) String() string {
	if v.Accuracy.Total == 0 {
		return fmt.Sprintf("Step %d: no validation images; accuracy on the minibatch = %.1f%%, cross-entropy = %.3f", v.Step,
			100*v.TrainAccuracy.Share, v.TrainLoss)
	}
	if v.Whole {
		return fmt.Sprintf("Step %d: Validation accuracy on all %d images = %.1f%%, loss %.3f", v.Step, v.Accuracy.Total, 100*v.Accuracy.Share, v.Loss)
	}
	return fmt.Sprintf("Step %d: Validation accuracy on random sampled %d examples = %.1f%%", v.Step, v.Accuracy.Total, 100*v.Accuracy.Share)
}

// A Warning is about data that trains or tests badly, and what to do.
type Warning struct {
	Message string `json:"warning"`
}

// String returns the message.
func (w Warning) String() string { return w.Message }

// Progress counts a long computation whose work is known beforehand.
type Progress struct {
	What  string `json:"progress"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// String returns a short line.
func (p Progress) String() string { return fmt.Sprintf("%s: %d of %d", p.What, p.Done, p.Total) }

// A StrengthChoice tells how C was chosen.
type StrengthChoice struct {
	Kind   string          `json:"kind"`
	Chosen float64         `json:"chosen"`
	Scores []StrengthScore `json:"scores"`
}

// String returns a line.
func (c StrengthChoice) String() string {
	best := c.Scores[0]
	for _, s := range c.Scores {
		if s.Strength == c.Chosen {
			best = s
		}
	}
	return fmt.Sprintf("C = %.3g chosen out of %d: accuracy %.1f%% in cross-validation on the training split", c.Chosen, len(c.Scores), 100*best.Accuracy)
}
