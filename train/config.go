package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Config holds the settings of a training run. DefaultConfig returns the
// article's; fields left empty or 0 take the default of the kind where the comment
// names one.
type Config struct {
	// Kind of head: one of Kinds, or KindAuto. "softmax" is the article's.
	Kind string `json:"kind"`

	// Models are the ids of the networks whose features are used, concatenated in
	// this order. Empty means the only one in the store.
	Models []string `json:"models,omitempty"`

	// Seed decides every random choice.
	Seed uint64 `json:"seed"`

	// Scaling of the features, one of Scalings. Default: none for softmax and lda,
	// l2 for the others.
	Scaling string `json:"scaling,omitempty"`

	// Balance says how unequally common labels are trained on, one of Balances.
	// Default: sampler for softmax, none for the others; weights is possible for
	// softmax, logistic and svm.
	Balance string `json:"balance,omitempty"`

	// Prior says which frequencies of labels the probabilities are for, one of
	// Priors. Default: those of the training split.
	Prior string `json:"prior,omitempty"`

	// RejectRate is the share of known images that may be taken for none of the
	// labels, 0 to 1: it sets Head.Reject. 0 means that no image ever is. DefaultConfig
	// sets DefaultRejectRate.
	RejectRate float64 `json:"reject_rate,omitempty"`

	// Strength is C of logistic and svm: how much training errors count against
	// small weights. 0 means that it is chosen by cross-validation in Folds folds
	// of the training split.
	Strength float64 `json:"strength,omitempty"`
	Folds    int     `json:"folds,omitempty"` // default 5

	// Neighbours is k of knn. 0 means that it is chosen by leaving each training
	// image out in turn.
	Neighbours int `json:"neighbours,omitempty"`

	// Chosen is set in a head's settings if Strength or Neighbours were chosen while it
	// was trained, and has no meaning elsewhere. It is false in heads of older versions.
	Chosen bool `json:"chosen,omitempty"`

	// The rest is for the softmax head. DefaultConfig sets it.

	Steps     int     `json:"steps,omitempty"`      // minibatches
	Rate      float64 `json:"rate,omitempty"`       // learning rate of gradient descent
	Batch     int     `json:"batch,omitempty"`      // images a minibatch, drawn with replacement
	EvalEvery int     `json:"eval_every,omitempty"` // steps between validations
	EvalBatch int     `json:"eval_batch,omitempty"` // images a validation, drawn with replacement
	Deviation float64 `json:"deviation,omitempty"`  // standard deviation of the first weights
}

// Settings to choose from.
var (
	Kinds    = []string{KindSoftmax, KindLogistic, KindSVM, KindLDA, KindKNN, KindBayes, KindCentroid}
	Balances = []string{BalanceSampler, BalanceWeights, BalanceNone}
	Priors   = []string{PriorTraining, PriorUniform}
)

// DefaultConfig returns the article's recipe: a softmax layer whose weights start
// from a truncated normal distribution of deviation 0.001, 4,000 steps of gradient
// descent at rate 0.01 on minibatches of 100 images, validated on 100 images
// every 100 steps. With another Kind it is that head's default.
func DefaultConfig() Config {
	return Config{Kind: KindSoftmax, Steps: 4000, Rate: 0.01, Batch: 100, EvalEvery: 100, EvalBatch: 100, Deviation: 0.001, RejectRate: DefaultRejectRate}
}

// DefaultsOf returns the default settings of a kind of head, and none that it does not
// have.
func DefaultsOf(kind string) Config {
	c := DefaultConfig()
	c.Kind = kind
	return c.complete()
}

// complete returns the settings with the defaults of their kind, without those
// that the kind does not have.
func (c Config) complete() Config {
	fill := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	softmax := c.Kind == KindSoftmax
	if softmax || c.Kind == KindLDA {
		fill(&c.Scaling, ScaleNone)
	}
	fill(&c.Scaling, ScaleL2)
	if softmax {
		fill(&c.Balance, BalanceSampler)
	} else {
		c.Steps, c.Rate, c.Batch, c.EvalEvery, c.EvalBatch, c.Deviation = 0, 0, 0, 0, 0, 0
	}
	fill(&c.Balance, BalanceNone)
	fill(&c.Prior, PriorTraining)
	if !needsStrength(c.Kind) {
		c.Strength, c.Folds = 0, 0
	} else if c.Folds == 0 {
		c.Folds = 5
	}
	if c.Kind != KindKNN {
		c.Neighbours = 0
	}
	return c
}

// Bounds on settings, so that a mistyped one does not take all memory.
const maxBatch = 1 << 20

// Validate reports the first setting that is out of range.
func (c Config) Validate() error {
	if c.Kind != KindAuto && !slices.Contains(Kinds, c.Kind) {
		return fmt.Errorf("%w: %q: want %s or %s", ErrUnknownKind, c.Kind, strings.Join(Kinds, ", "), KindAuto)
	}
	if c.Kind == KindAuto {
		return c.validateDescent() // each candidate is judged by itself
	}
	c = c.complete()
	if err := c.validateChoices(); err != nil {
		return err
	}
	switch {
	case !(c.RejectRate >= 0 && c.RejectRate < 1):
		return bad("rate of false rejections", c.RejectRate, "0 or more and less than 1, such as 0.05")
	case !(c.Strength >= 0) || math.IsInf(c.Strength, 1):
		return bad("C", c.Strength, "above 0, or 0 to have it chosen")
	case needsStrength(c.Kind) && c.Folds < 2:
		return bad("folds", c.Folds, "at least 2")
	case c.Neighbours < 0:
		return bad("neighbours", c.Neighbours, "at least 1, or 0 to have them chosen")
	case c.Kind == KindSoftmax:
		return c.validateDescent()
	}
	return nil
}

func bad(what string, value any, want string) error {
	return fmt.Errorf("%w: %s is %v, want %s", ErrConfig, what, value, want)
}

func (c *Config) validateChoices() error {
	for _, choice := range []struct {
		what, value string
		from        []string
	}{{"scaling", c.Scaling, Scalings}, {"balance", c.Balance, Balances}, {"prior", c.Prior, Priors}} {
		if !slices.Contains(choice.from, choice.value) {
			return bad(choice.what, fmt.Sprintf("%q", choice.value), strings.Join(choice.from, ", "))
		}
	}
	switch {
	case c.Balance == BalanceSampler && c.Kind != KindSoftmax:
		return bad("balance", c.Balance, "weights or none: only softmax draws minibatches")
	case c.Balance == BalanceWeights && c.Kind != KindSoftmax && !needsStrength(c.Kind):
		return bad("balance", c.Balance, "none: a "+c.Kind+" head has no weights of images")
	}
	return nil
}

func (c *Config) validateDescent() error {
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
