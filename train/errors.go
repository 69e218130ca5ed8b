package train

import (
	"errors"
	"fmt"
)

// Reasons why a head cannot be trained or evaluated. The errors that wrap them say
// what to do.
var (
	ErrNoImages   = errors.New("no images to train on")
	ErrOneLabel   = errors.New("only one label")
	ErrEmptySplit = errors.New("empty split")
	ErrConfig     = errors.New("setting out of range")
	ErrTooFew     = errors.New("too few images")
)

// Reasons why training was given up.
var (
	// ErrNotFinite: a feature is NaN or infinite.
	ErrNotFinite = errors.New("a feature is not a finite number")
	// ErrDiverged: the features are finite, but the weights grew without bound.
	ErrDiverged = errors.New("training diverged")
)

// Reasons why a saved head cannot be used.
var (
	ErrUnknownKind  = errors.New("unknown kind of head")
	ErrHeadCorrupt  = errors.New("damaged head")
	ErrWrongModels  = errors.New("head was trained on other networks")
	ErrWrongFeature = errors.New("wrong number of features")
)

func corruptSize(kind string, labels, dim int) error {
	return fmt.Errorf("%w: the parameters of a %s head do not fit %d labels and %d features", ErrHeadCorrupt, kind, labels, dim)
}
