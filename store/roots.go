package store

import (
	"encoding/binary"
	"fmt"
)

// Roots returns the photo folders in the order of their ids.
func (tx *Tx) Roots() ([]Root, error) {
	var roots []Root
	err := tx.top(rootsBucket).ForEach(func(k, v []byte) error {
		r, err := tx.decodeRoot(k, v)
		roots = append(roots, r)
		return err
	})
	return roots, err
}

// Root returns a photo folder, or ErrNotFound.
func (tx *Tx) Root(id RootID) (Root, error) {
	k := id.key()
	v := tx.top(rootsBucket).Get(k)
	if v == nil {
		return Root{}, fmt.Errorf("root %d: %w", id, ErrNotFound)
	}
	return tx.decodeRoot(k, v)
}

func (tx *Tx) decodeRoot(k, v []byte) (r Root, err error) {
	if len(k) != rootSize {
		return Root{}, fmt.Errorf("%w: a root's key has %d bytes", ErrCorrupt, len(k))
	}
	r.ID = RootID(binary.BigEndian.Uint64(k))
	if err := tx.decode(v, &r, rootsBucket, k); err != nil {
		return Root{}, fmt.Errorf("root %d: %w", r.ID, err)
	}
	r.Seen = r.Seen.UTC()
	return r, nil
}

// PutRoot adds a photo folder, or changes the one with r's id. An id of 0 asks for
// a new one; ids begin at 1 and are never used twice. It returns r with its id.
func (tx *Tx) PutRoot(r Root) (Root, error) {
	if err := tx.writable(); err != nil {
		return r, err
	}
	b := tx.top(rootsBucket)
	if r.ID == 0 {
		id, err := b.NextSequence()
		if err != nil {
			return r, err
		}
		r.ID = RootID(id)
	} else if b.Get(r.ID.key()) == nil {
		return r, fmt.Errorf("root %d: %w", r.ID, ErrNotFound)
	}
	r.Seen = r.Seen.UTC()
	return r, tx.put(b, r, rootsBucket, r.ID.key())
}

// DeleteRoot removes a photo folder with its images and failures.
func (tx *Tx) DeleteRoot(id RootID) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if _, err := tx.Root(id); err != nil {
		return err
	}
	var paths []string
	for e, err := range tx.Images(id) {
		if err != nil {
			return err
		}
		paths = append(paths, e.Path)
	}
	for _, p := range paths {
		if err := tx.DeleteImage(id, p); err != nil {
			return err
		}
	}
	if b := tx.sub(failuresBucket, id.key()); b != nil {
		if err := tx.counted(failuresBucket, -tx.countKeys(b)); err != nil {
			return err
		}
		if err := tx.top(failuresBucket).DeleteBucket(id.key()); err != nil {
			return err
		}
	}
	return tx.drop(tx.top(rootsBucket), rootsBucket, id.key())
}
