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

	// Plain leaves views of training images out: see package store, Views.
	Plain bool `json:"plain,omitempty"`

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

	// Of softmax and mlp, which are trained on minibatches. 0 means the default of the
	// kind.
	Steps     int     `json:"steps,omitempty"`      // minibatches: 4,000; mlp 1,000
	Rate      float64 `json:"rate,omitempty"`       // learning rate: 0.01; mlp, at its highest, 0.003
	Batch     int     `json:"batch,omitempty"`      // images a minibatch, drawn with replacement: 100
	EvalEvery int     `json:"eval_every,omitempty"` // steps between validations: 100

	// Of softmax.
	EvalBatch int     `json:"eval_batch,omitempty"` // images a validation, drawn with replacement; default 100
	Deviation float64 `json:"deviation,omitempty"`  // standard deviation of the first weights; DefaultConfig sets it

	// Of mlp. DefaultConfig sets all but the first.
	Hidden    []int   `json:"hidden,omitempty"`       // units of each hidden layer, from the features on; default 512
	Dropout   float64 `json:"dropout,omitempty"`      // share of each layer's inputs that is left out in training
	Smoothing float64 `json:"smoothing,omitempty"`    // share of a label's weight that is spread over all labels
	Decay     float64 `json:"weight_decay,omitempty"` // share of the weights that is taken away at a step, times the rate
}

// Settings to choose from.
var (
	// Kinds are all kinds of head; AutoKinds those that KindAuto tries. An mlp takes four
	// times as long as all of these together, and has not been shown to be better.
	Kinds     = append(slices.Clone(AutoKinds), KindMLP)
	AutoKinds = []string{KindSoftmax, KindLogistic, KindSVM, KindLDA, KindKNN, KindBayes, KindCentroid}

	Balances = []string{BalanceSampler, BalanceWeights, BalanceNone}
	Priors   = []string{PriorTraining, PriorUniform}
)

// DefaultConfig returns the article's recipe: a softmax layer whose weights start
// from a truncated normal distribution of deviation 0.001, 4,000 steps of gradient
// descent at rate 0.01 on minibatches of 100 images, validated on 100 images
// every 100 steps. With another Kind it is that head's default.
func DefaultConfig() Config {
	return Config{Kind: KindSoftmax, Deviation: 0.001, Dropout: 0.5, Smoothing: 0.1, Decay: 0.05, RejectRate: DefaultRejectRate}
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
	fill(&c.Scaling, defaultScaling(c.Kind))
	balance := BalanceNone
	if c.Kind == KindSoftmax {
		balance = BalanceSampler
	}
	fill(&c.Balance, balance)
	fill(&c.Prior, PriorTraining)
	c.completeDescent()
	if !needsStrength(c.Kind) {
		c.Strength, c.Folds = 0, 0
	}
	if needsStrength(c.Kind) {
		fill(&c.Folds, 5)
	}
	if c.Kind != KindKNN {
		c.Neighbours = 0
	}
	return c
}

// fill sets what is not set.
func fill[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
}

func defaultScaling(kind string) string {
	switch kind {
	case KindSoftmax, KindLDA:
		return ScaleNone
	case KindMLP:
		return ScaleStandard
	}
	return ScaleL2
}

// completeDescent is complete for the settings of training on minibatches.
func (c *Config) completeDescent() {
	if !onMinibatches(c.Kind) {
		c.Steps, c.Rate, c.Batch, c.EvalEvery = 0, 0, 0, 0
	} else {
		steps, rate := 4000, 0.01
		if c.Kind == KindMLP {
			steps, rate = 1000, 0.003
		}
		fill(&c.Steps, steps)
		fill(&c.Rate, rate)
		fill(&c.Batch, 100)
		fill(&c.EvalEvery, 100)
	}
	if c.Kind == KindSoftmax {
		fill(&c.EvalBatch, 100)
	} else {
		c.EvalBatch, c.Deviation = 0, 0
	}
	if c.Kind != KindMLP {
		c.Hidden, c.Dropout, c.Smoothing, c.Decay = nil, 0, 0, 0
	} else if len(c.Hidden) == 0 {
		c.Hidden = []int{512}
	}
}

// onMinibatches tells whether a kind of head is trained on minibatches from the store;
// the others read all images into memory.
func onMinibatches(kind string) bool { return kind == KindSoftmax || kind == KindMLP }

// Bounds on settings, so that a mistyped one does not take all memory.
const maxBatch = 1 << 20

// Validate reports the first setting that is out of range.
func (c Config) Validate() error {
	if c.Kind != KindAuto && !slices.Contains(Kinds, c.Kind) {
		return fmt.Errorf("%w: %q: want %s or %s", ErrUnknownKind, c.Kind, strings.Join(Kinds, ", "), KindAuto)
	}
	if c.Kind == KindAuto { // each candidate is judged by itself
		c.Kind = KindSoftmax
		c = c.complete()
		return c.validateDescent()
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
	case onMinibatches(c.Kind):
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
	case c.Balance == BalanceSampler && !onMinibatches(c.Kind):
		return bad("balance", c.Balance, "weights or none: only softmax and mlp draw minibatches")
	case c.Balance == BalanceWeights && !onMinibatches(c.Kind) && !needsStrength(c.Kind):
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
	case c.Kind == KindMLP:
		return c.validateMLP()
	case c.EvalBatch < 1 || c.EvalBatch > maxBatch:
		return bad("images a validation", c.EvalBatch, fmt.Sprintf("1 to %d", maxBatch))
	case !(c.Deviation >= 0) || math.IsInf(c.Deviation, 1):
		return bad("deviation of the first weights", c.Deviation, "0 or more")
	}
	return nil
}

func (c *Config) validateMLP() error {
	switch {
	case !shareBelowOne(c.Dropout):
		return bad("dropout", c.Dropout, "0 or more, below 1")
	case !shareBelowOne(c.Smoothing):
		return bad("label smoothing", c.Smoothing, "0 or more, below 1")
	case !shareBelowOne(c.Decay):
		return bad("weight decay", c.Decay, "0 or more, below 1")
	}
	return validateHidden(c.Hidden)
}

// Bounds on hidden layers, in settings and in saved heads.
const (
	maxHiddenLayers = 8
	maxHiddenUnits  = 1 << 14
)

// validateHidden reports hidden layers that are out of range.
func validateHidden(hidden []int) error {
	if len(hidden) > maxHiddenLayers {
		return bad("number of hidden layers", len(hidden), fmt.Sprintf("at most %d", maxHiddenLayers))
	}
	for _, n := range hidden {
		if n < 1 || n > maxHiddenUnits {
			return bad("hidden layer", n, fmt.Sprintf("1 to %d units", maxHiddenUnits))
		}
	}
	return nil
}

// shareBelowOne tells whether x is 0 or more and below 1.
func shareBelowOne(x float64) bool { return x >= 0 && x < 1 }
