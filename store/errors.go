package store

import (
	"errors"

	"featstore/split"
)

// Opening a store fails with an error that wraps one of these.
var (
	// ErrNotExist: there is no file at the path, and Create was not asked for.
	ErrNotExist = errors.New("no such store")

	// ErrLocked: another process (or another DB of this one) holds the store.
	ErrLocked = errors.New("in use by another process")

	// ErrNotStore: the file is something else; it has not been touched.
	ErrNotStore = errors.New("not a featstore store")

	// ErrNewer: a later version of featstore wrote the store.
	ErrNewer = errors.New("written by a newer version of featstore: please update")

	// ErrCorrupt: the file is damaged. Any method that reads may find that too.
	ErrCorrupt = errors.New("the store is damaged")
)

// Transactions fail with an error that wraps one of these.
var (
	// ErrReadOnly: the store, or the transaction, is open for reading only.
	ErrReadOnly = errors.New("open for reading only")

	// ErrNotFound: there is no record under that name, path or digest.
	ErrNotFound = errors.New("not in the store")

	// ErrBadLabel: a label is empty, too long or not UTF-8.
	ErrBadLabel = errors.New("unusable label")

	// ErrBadPath: a path is empty or too long to be a key.
	ErrBadPath = errors.New("unusable path")

	// ErrBadVector: a vector has NaN or infinite values, or not the model's length.
	ErrBadVector = errors.New("unusable vector")

	// ErrInUse: a model is still needed by a head.
	ErrInUse = errors.New("still in use")

	// ErrClosed: the store, the writer or the sampler was closed.
	ErrClosed = errors.New("closed")

	// ErrResplitting: a change of splits was interrupted. See ResplittingError.
	ErrResplitting = errors.New("a change of splits was interrupted: it must be finished first")

	// ErrStale: the store changed since the index was made; make it again.
	ErrStale = errors.New("the store has changed: index it again")
)

// A ResplittingError is ErrResplitting with the policy that splits are on their way
// to: Resplit to it, or to any other, finishes the change.
type ResplittingError struct{ Policy split.Policy }

func (e *ResplittingError) Error() string { return ErrResplitting.Error() }
func (e *ResplittingError) Unwrap() error { return ErrResplitting }
