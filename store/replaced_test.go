package store_test

import (
	"errors"
	"testing"
	"time"

	"featstore/store"
	"featstore/store/storetest"
)

// A model that another one has replaced is not used where nobody says which, stays as long as
// a head needs it, and goes with its vectors after the last of these.
func TestReplacedModels(t *testing.T) {
	db := storetest.Open(t)
	for _, id := range []string{"old", "new"} {
		storetest.Clusters{Labels: 2, Images: 5, Dim: 4, Seed: 1, Model: id}.Fill(t, db)
	}
	update := func(do func(*store.Tx) error) error { t.Helper(); return db.Update(do) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	usual := func() (ids []string) {
		t.Helper()
		must(db.View(func(tx *store.Tx) error {
			models, err := tx.Models()
			for _, m := range store.Usual(models) {
				ids = append(ids, m.ID)
			}
			return err
		}))
		return ids
	}
	head := store.Head{Name: "h", Kind: "logistic", Created: time.Unix(0, 0), Models: []string{"old"}, Labels: []string{"a", "b"}, Dim: 4, Config: "{}"}
	must(update(func(tx *store.Tx) error { return tx.PutHead(head) }))
	for _, wrong := range [][2]string{{"none", "new"}, {"old", "none"}, {"old", "old"}} {
		err := update(func(tx *store.Tx) error { _, err := tx.ReplaceModel(wrong[0], wrong[1]); return err })
		if err == nil {
			t.Errorf("%v: replaced", wrong)
		}
	}
	must(update(func(tx *store.Tx) error {
		removed, err := tx.ReplaceModel("old", "new")
		if removed {
			t.Error("a model that a head needs was removed")
		}
		return err
	}))
	if got := usual(); len(got) != 1 || got[0] != "new" {
		t.Errorf("usual are %v", got)
	}
	must(update(func(tx *store.Tx) error { // the head is trained on the new one
		head.Models = []string{"new"}
		return tx.PutHead(head)
	}))
	must(update(func(tx *store.Tx) error {
		dropped, err := tx.DropReplaced()
		if len(dropped) != 1 || dropped[0] != "old" {
			t.Errorf("dropped %v", dropped)
		}
		return err
	}))
	must(db.View(func(tx *store.Tx) error {
		if _, err := tx.Model("old"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old model: %v", err)
		}
		return nil
	}))
	storetest.Clusters{Labels: 2, Images: 5, Dim: 4, Seed: 1, Model: "old"}.Fill(t, db)
	must(update(func(tx *store.Tx) error {
		removed, err := tx.ReplaceModel("old", "new")
		if !removed {
			t.Error("a model that no head needs stays")
		}
		return err
	}))
}
