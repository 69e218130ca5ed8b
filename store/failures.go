package store

import (
	"fmt"
	"iter"
)

// A FailureEntry is a failure and the path of its file under its root.
type FailureEntry struct {
	Path string
	Failure
}

// Failures ranges over the failures of a root in the order of their paths. Do not
// change failures while ranging over them.
func (tx *Tx) Failures(root RootID) iter.Seq2[FailureEntry, error] {
	return func(yield func(FailureEntry, error) bool) {
		b := tx.sub(failuresBucket, root.key())
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			f, err := tx.decodeFailure(root, k, v)
			if !yield(FailureEntry{string(k), f}, err) {
				return
			}
		}
	}
}

// Failure returns the failure of a file, or ErrNotFound.
func (tx *Tx) Failure(root RootID, path string) (Failure, error) {
	if b := tx.sub(failuresBucket, root.key()); b != nil {
		if v := b.Get([]byte(path)); v != nil {
			return tx.decodeFailure(root, []byte(path), v)
		}
	}
	return Failure{}, fmt.Errorf("failure of %s: %w", path, ErrNotFound)
}

func (tx *Tx) decodeFailure(root RootID, k, v []byte) (f Failure, err error) {
	if err := tx.decode(v, &f, failuresBucket, root.key(), k); err != nil {
		return Failure{}, fmt.Errorf("failure of %s: %w", k, err)
	}
	f.When = f.When.UTC()
	return f, nil
}

// PutFailure records that a file could not be used. An image recorded at its path
// goes: its bytes are no longer there.
func (tx *Tx) PutFailure(root RootID, path string, f Failure) error {
	if err := tx.checkPut(root, path); err != nil {
		return err
	}
	if err := tx.DeleteImage(root, path); err != nil {
		return err
	}
	b, err := tx.makeSub(failuresBucket, root.key())
	if err != nil {
		return err
	}
	f.When = f.When.UTC()
	return tx.put(b, f, failuresBucket, root.key(), []byte(path))
}

// DeleteFailure forgets a failure. Deleting what is not there is no error.
func (tx *Tx) DeleteFailure(root RootID, path string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	b := tx.sub(failuresBucket, root.key())
	if b == nil {
		return nil
	}
	if err := tx.drop(b, failuresBucket, []byte(path)); err != nil {
		return err
	}
	return dropEmpty(tx.top(failuresBucket), b, root.key())
}
