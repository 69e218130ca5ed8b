package store

import (
	"fmt"
	"slices"
	"strings"
)

// Models returns the models in the order of their ids.
func (tx *Tx) Models() ([]Model, error) {
	var models []Model
	err := tx.top(modelsBucket).ForEach(func(k, v []byte) error {
		m, err := tx.decodeModel(string(k), v)
		models = append(models, m)
		return err
	})
	return models, err
}

// Model returns a model, or ErrNotFound.
func (tx *Tx) Model(id string) (Model, error) {
	v := tx.top(modelsBucket).Get([]byte(id))
	if v == nil {
		return Model{}, fmt.Errorf("model %s: %w", id, ErrNotFound)
	}
	return tx.decodeModel(id, v)
}

func (tx *Tx) decodeModel(id string, v []byte) (m Model, err error) {
	m.ID = id
	if err := tx.decode(v, &m, modelsBucket, []byte(id)); err != nil {
		return Model{}, fmt.Errorf("model %s: %w", id, err)
	}
	if m.Dim < 1 || m.Dim > MaxDim {
		return Model{}, fmt.Errorf("%w: model %s has vectors of %d floats", ErrCorrupt, id, m.Dim)
	}
	m.Added = m.Added.UTC()
	return m, nil
}

// PutModel adds a model, or changes what is known of one. Its dimension stays, and so do
// its network and where that comes from, unless others are given. Views are SetViews's.
func (tx *Tx) PutModel(m Model) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkName("model", m.ID); err != nil {
		return err
	}
	if m.Dim < 1 || m.Dim > MaxDim {
		return fmt.Errorf("model %s: vectors of %d floats: 1 to %d are possible", m.ID, m.Dim, MaxDim)
	}
	b := tx.top(modelsBucket)
	if v := b.Get([]byte(m.ID)); v != nil {
		old, err := tx.decodeModel(m.ID, v)
		if err != nil {
			return err
		}
		if old.Dim != m.Dim {
			return fmt.Errorf("model %s: its vectors have %d floats in the store, not %d", m.ID, old.Dim, m.Dim)
		}
		if m.Network == 0 {
			m.Network = old.Network
		}
		if m.Tuned == nil {
			m.Tuned = old.Tuned
		}
		if m.Imported == nil {
			m.Imported = old.Imported
		}
		m.Views = old.Views
	}
	return tx.putModel(m)
}

// putModel writes a model's record.
func (tx *Tx) putModel(m Model) error {
	if _, err := tx.makeSub(featuresBucket, []byte(m.ID)); err != nil {
		return err
	}
	tx.models = nil
	m.Added = m.Added.UTC()
	return tx.put(tx.top(modelsBucket), m, modelsBucket, []byte(m.ID))
}

// DeleteModel removes a model and its vectors. It refuses with ErrInUse while a
// head needs the model.
func (tx *Tx) DeleteModel(id string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if _, err := tx.Model(id); err != nil {
		return err
	}
	heads, err := tx.Heads()
	if err != nil {
		return err // one of the damaged may need it
	}
	var users []string
	for _, h := range heads {
		if slices.Contains(h.Models, id) {
			users = append(users, h.Name)
		}
	}
	if len(users) > 0 {
		return fmt.Errorf("model %s: %w by head %s: delete that first", id, ErrInUse, strings.Join(users, ", "))
	}
	if _, err := tx.dropViews(id); err != nil {
		return err
	}
	if err := tx.counted(featuresBucket, -tx.countKeys(tx.sub(featuresBucket, []byte(id)))); err != nil {
		return err
	}
	if err := tx.top(featuresBucket).DeleteBucket([]byte(id)); err != nil {
		return err
	}
	if err := tx.dropLarge(networksBucket, id); err != nil {
		return err
	}
	tx.models = nil
	return tx.drop(tx.top(modelsBucket), modelsBucket, []byte(id))
}

// modelIDs returns the ids of all models, read once in a transaction.
func (tx *Tx) modelIDs() ([]string, error) {
	if tx.models == nil {
		tx.models = []string{}
		err := tx.top(modelsBucket).ForEach(func(k, _ []byte) error {
			tx.models = append(tx.models, string(k))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return tx.models, nil
}
