package cli

import (
	"errors"
	"fmt"
	"slices"

	"featstore/store"
	"featstore/train"
)

// markUnfinished marks a tuned network as one that has no head yet. One that the store has
// from a run that ended stays finished.
func markUnfinished(tx *store.Tx, m store.Model, head string) error {
	before, err := tx.Model(m.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		m.Tuned.Unfinished = head
	case err != nil:
		return err
	case before.Tuned != nil:
		m.Tuned.Unfinished = before.Tuned.Unfinished
	}
	return nil
}

// saveTunedHead saves the head and marks its network as finished. In the same transaction
// it removes what is not needed any more: the checkpoint, the network of an earlier head of
// the same name, and those of its interrupted runs.
func saveTunedHead(db *store.DB, tuned store.Model, head *train.Head, name string) error {
	head.Version = thisBuild().Version
	err := db.Update(func(tx *store.Tx) error {
		before, err := tx.Head(name)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
			return err
		}
		if err := head.Put(tx, name); err != nil {
			return err
		}
		tuned.Tuned.Unfinished = ""
		if err := tx.PutModel(tuned); err != nil {
			return err
		}
		if err := dropTuned(tx, func(m store.Model) bool {
			return m.ID != tuned.ID && (m.Tuned.Unfinished == name || slices.Contains(before.Models, m.ID))
		}); err != nil {
			return err
		}
		return tx.DeleteCheckpoint(name)
	})
	if err != nil {
		return fmt.Errorf("save head: %w", err)
	}
	return nil
}

// dropUnfinished removes the networks of interrupted runs for a head, except the one that is
// tuned now.
func dropUnfinished(db *store.DB, head, now string) error {
	return db.Update(func(tx *store.Tx) error {
		return dropTuned(tx, func(m store.Model) bool { return m.Tuned.Unfinished == head && m.ID != now })
	})
}

// dropTuned removes tuned networks, except those that heads need.
func dropTuned(tx *store.Tx, which func(store.Model) bool) error {
	models, err := tx.Models()
	if err != nil {
		return err
	}
	for _, m := range models {
		if m.Tuned == nil || !which(m) {
			continue
		}
		if err := tx.DeleteModel(m.ID); err != nil && !errors.Is(err, store.ErrInUse) {
			return err
		}
	}
	return nil
}
