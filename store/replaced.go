package store

import (
	"errors"
	"fmt"
	"slices"
)

// Usual returns the models to use where nobody says which: those whose networks were not
// trained on photos of the store, and that no other model has replaced.
func Usual(models []Model) []Model {
	return slices.DeleteFunc(slices.Clone(models), func(m Model) bool { return m.Tuned != nil || m.Replaced != "" })
}

// ReplaceModel notes that another model has taken a model's place, and removes it unless a
// head needs it. It reports whether it did.
func (tx *Tx) ReplaceModel(id, by string) (removed bool, err error) {
	if err := tx.writable(); err != nil {
		return false, err
	}
	m, err := tx.Model(id)
	if err != nil {
		return false, err
	}
	if _, err := tx.Model(by); err != nil || by == id {
		return false, errors.Join(fmt.Errorf("model %s cannot replace %s", by, id), err)
	}
	m.Replaced = by
	if err := tx.putModel(m); err != nil {
		return false, err
	}
	dropped, err := tx.DropReplaced()
	return slices.Contains(dropped, id), err
}

// DropReplaced removes the models that others have replaced and no head needs any more,
// with their vectors. It returns their ids.
func (tx *Tx) DropReplaced() (dropped []string, err error) {
	models, err := tx.Models()
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		if m.Replaced == "" {
			continue
		}
		err := tx.DeleteModel(m.ID)
		if errors.Is(err, ErrInUse) {
			continue
		}
		if err != nil {
			return dropped, err
		}
		dropped = append(dropped, m.ID)
	}
	return dropped, nil
}
