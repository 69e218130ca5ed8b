package photo

import (
	"errors"
	"fmt"
)

// Why a file gave no pixels. Errors of this package wrap one of them and say in
// plain words what was found; the caller adds the file's name.
var (
	// ErrUnsupportedFormat: the bytes are no picture, or one of a kind that
	// cannot be read here (JPEG XL, arithmetic-coded JPEG, …).
	ErrUnsupportedFormat = errors.New("unsupported picture format")

	// ErrTooLarge: the header announces more pixels than Limits allows. Nothing
	// was decoded or allocated.
	ErrTooLarge = errors.New("picture too large")

	// ErrMemory is the ErrTooLarge of a photo that needs more than its share of
	// Limits.Memory.
	ErrMemory = fmt.Errorf("%w to decode", ErrTooLarge)

	// ErrCorrupt: the file claims a known format but is truncated or damaged.
	ErrCorrupt = errors.New("damaged picture")
)
