package cutcache

import "errors"

var (
	// ErrLocked: another process uses the cache. Go on without it.
	ErrLocked = errors.New("another process uses the cache of activations")

	// ErrNotCache: the file is something else. It is left as it is.
	ErrNotCache = errors.New("it is not a cache of activations")

	// ErrFull: there is no room for the entry beside those that are in use.
	ErrFull = errors.New("the cache of activations is full")

	// ErrRange: numbers that are not finite, or within 0.05 % of the largest float32.
	ErrRange = errors.New("activations are not finite numbers")
)
