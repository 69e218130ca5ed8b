package store

import (
	"errors"
	"fmt"
)

// Heads returns the heads in the order of their names.
func (tx *Tx) Heads() ([]Head, error) {
	var heads []Head
	err := tx.top(headsBucket).ForEach(func(k, v []byte) error {
		h, err := decodeHead(string(k), v)
		heads = append(heads, h)
		return err
	})
	return heads, err
}

// Head returns a head, or ErrNotFound.
func (tx *Tx) Head(name string) (Head, error) {
	v := tx.top(headsBucket).Get([]byte(name))
	if v == nil {
		return Head{}, fmt.Errorf("head %s: %w", name, ErrNotFound)
	}
	return decodeHead(name, v)
}

func decodeHead(name string, v []byte) (Head, error) {
	h := Head{Name: name}
	if err := decode(v, &h); err != nil {
		return Head{}, fmt.Errorf("head %s: %w", name, err)
	}
	h.Created = h.Created.UTC()
	return h, nil
}

// PutHead adds a head or replaces the one of its name. Its models must be in the
// store, its dimension the sum of theirs.
func (tx *Tx) PutHead(h Head) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkName("head", h.Name); err != nil {
		return err
	}
	if err := tx.checkHead(h); err != nil {
		return err
	}
	h.Created = h.Created.UTC()
	return put(tx.top(headsBucket), []byte(h.Name), h)
}

// checkHead tells whether a head can be used with the models in the store.
func (tx *Tx) checkHead(h Head) error {
	if len(h.Models) == 0 {
		return fmt.Errorf("head %s: it names no model", h.Name)
	}
	dim := 0
	for _, id := range h.Models {
		m, err := tx.Model(id)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("head %s: it needs model %s: %w", h.Name, id, ErrNotFound)
		}
		if err != nil {
			return err
		}
		dim += m.Dim
	}
	if dim != h.Dim {
		return fmt.Errorf("head %s: it takes %d inputs, its models give %d", h.Name, h.Dim, dim)
	}
	return nil
}

// DeleteHead removes a head, or returns ErrNotFound.
func (tx *Tx) DeleteHead(name string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	b := tx.top(headsBucket)
	if b.Get([]byte(name)) == nil {
		return fmt.Errorf("head %s: %w", name, ErrNotFound)
	}
	return b.Delete([]byte(name))
}
