package photo

import "errors"

// Why a file gave no pixels. Errors of this package wrap one of them and say in
// plain words what was found; the caller adds the file's name.
var (
	// ErrUnsupportedFormat: the bytes are no picture, or one of a kind that
	// cannot be read here (HEIC, arithmetic-coded JPEG, …).
	ErrUnsupportedFormat = errors.New("unsupported picture format")

	// ErrTooLarge: the header announces more pixels than Limits allows. Nothing
	// was decoded or allocated.
	ErrTooLarge = errors.New("picture too large")

	// ErrCorrupt: the file claims a known format but is truncated or damaged.
	ErrCorrupt = errors.New("damaged picture")
)
