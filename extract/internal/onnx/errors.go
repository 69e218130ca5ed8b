package onnx

import (
	"errors"
	"fmt"
	"strconv"
)

// What can be wrong with a model. The error that [Parse] returns wraps one of
// these and names the part of the model that it is about.
var (
	// ErrNotONNX: the bytes are something else, such as a web page or a
	// network in another format.
	ErrNotONNX = errors.New("not an ONNX model")
	// ErrCorrupt: the model is cut short, contradicts itself, or breaks the
	// rules of the format.
	ErrCorrupt = errors.New("damaged model")
	// ErrTooLarge: the model exceeds one of the Limits.
	ErrTooLarge = errors.New("model exceeds a limit")
	// ErrUnsupported: the model is sound but uses a part of ONNX that
	// image classifiers do without.
	ErrUnsupported = errors.New("unsupported model")
	// ErrExternal: weights stored in a file beside the model could not be
	// read.
	ErrExternal = errors.New("external weights")
)

// wrong returns an error of the given kind with details.
func wrong(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}

// within says where in the model err happened. In deeply nested places it keeps only
// the innermost names, so that a hostile model cannot make a message of megabytes.
func within(err error, format string, args ...any) error {
	const enough = 1000
	if len(err.Error()) > enough {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// quote quotes a name from the model for a message. A hostile name may be
// megabytes long or hold control characters.
func quote(name string) string {
	const most = 80
	if len(name) > most {
		return strconv.Quote(name[:most]) + "..."
	}
	return strconv.Quote(name)
}
