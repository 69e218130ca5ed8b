package store

import (
	"errors"
	"fmt"
)

// Heads returns the heads in the order of their names. Those that are damaged are
// left out, and the error, which wraps ErrCorrupt, names each of them.
func (tx *Tx) Heads() ([]Head, error) {
	var heads []Head
	var bad []error
	err := tx.top(headsBucket).ForEach(func(k, v []byte) error {
		h, err := tx.decodeHead(string(k), v)
		if err != nil {
			bad = append(bad, err)
			return nil
		}
		heads = append(heads, h)
		return nil
	})
	return heads, errors.Join(append(bad, err)...)
}

// Head returns a head, or ErrNotFound.
func (tx *Tx) Head(name string) (Head, error) {
	v := tx.top(headsBucket).Get([]byte(name))
	if v == nil {
		return Head{}, fmt.Errorf("head %s: %w", name, ErrNotFound)
	}
	return tx.decodeHead(name, v)
}

func (tx *Tx) decodeHead(name string, v []byte) (h Head, err error) {
	h.Name = name
	err = tx.decode(v, &h, headsBucket, []byte(name))
	if err == nil && !h.sensible() {
		err = fmt.Errorf("%w: its counts or its accuracy cannot be", ErrCorrupt)
	}
	if err != nil {
		return Head{}, fmt.Errorf("head %s: %w", name, err)
	}
	h.Created = h.Created.UTC()
	return h, nil
}

// sensible tells whether the numbers beside a head's parameters can be shown. NaN
// is in no range.
func (h *Head) sensible() bool {
	t := h.Test
	ok := h.Trained.Policy.Validate() == nil && 0 <= t.Correct && t.Correct <= t.Total &&
		0 <= t.Lo && t.Lo <= 1 && 0 <= t.Hi && t.Hi <= 1
	for _, n := range h.Trained.Counts {
		ok = ok && min(n[0], n[1], n[2]) >= 0
	}
	return ok
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
	if !h.sensible() {
		return fmt.Errorf("head %s: its counts or its accuracy cannot be", h.Name)
	}
	h.Created = h.Created.UTC()
	return tx.put(tx.top(headsBucket), h, headsBucket, []byte(h.Name))
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
	return tx.drop(b, headsBucket, []byte(name))
}
