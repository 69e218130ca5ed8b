package train

import (
	"fmt"
	"math"
)

// A Config holds the settings of a training run. DefaultConfig returns the
// article's; the zero value is not usable.
type Config struct {
	// Kind of head: see Kinds. "softmax" is the article's.
	Kind string `json:"kind"`

	// Models are the ids of the networks whose features are used, concatenated in
	// this order. Empty means the only one in the store.
	Models []string `json:"models,omitempty"`

	// Seed decides every random choice.
	Seed uint64 `json:"seed"`

	// The rest is for the softmax head.

	Steps     int     `json:"steps,omitempty"`      // minibatches
	Rate      float64 `json:"rate,omitempty"`       // learning rate of gradient descent
	Batch     int     `json:"batch,omitempty"`      // images a minibatch, drawn with replacement
	EvalEvery int     `json:"eval_every,omitempty"` // steps between validations
	EvalBatch int     `json:"eval_batch,omitempty"` // images a validation, drawn with replacement
	Deviation float64 `json:"deviation,omitempty"`  // standard deviation of the first weights
}

// DefaultConfig returns the article's recipe: a softmax layer whose weights start
// from a truncated normal distribution of deviation 0.001, 4,000 steps of gradient
// descent at rate 0.01 on minibatches of 100 images, validated on 100 images
// every 100 steps.
func DefaultConfig() Config {
	return Config{Kind: KindSoftmax, Steps: 4000, Rate: 0.01, Batch: 100, EvalEvery: 100, EvalBatch: 100, Deviation: 0.001}
}

// Bounds that keep a slip of the finger from taking all memory.
const maxBatch = 1 << 20

// Validate reports the first setting that is out of range.
func (c *Config) Validate() error {
	bad := func(what string, value any, want string) error {
		return fmt.Errorf("%w: %s is %v, want %s", ErrConfig, what, value, want)
	}
	switch {
	case c.Steps < 1:
		return bad("steps", c.Steps, "at least 1")
	case !(c.Rate > 0) || math.IsInf(c.Rate, 1):
		return bad("learning rate", c.Rate, "a number above 0, such as 0.01")
	case c.Batch < 1 || c.Batch > maxBatch:
		return bad("batch", c.Batch, fmt.Sprintf("1 to %d images", maxBatch))
	case c.EvalEvery < 1:
		return bad("steps between validations", c.EvalEvery, "at least 1")
	case c.EvalBatch < 1 || c.EvalBatch > maxBatch:
		return bad("images a validation", c.EvalBatch, fmt.Sprintf("1 to %d", maxBatch))
	case !(c.Deviation >= 0) || math.IsInf(c.Deviation, 1):
		return bad("deviation of the first weights", c.Deviation, "0 or more")
	}
	return nil
}
