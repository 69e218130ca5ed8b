package store_test

import (
	"errors"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	bolt "go.etcd.io/bbolt"

	"featstore/split"
	"featstore/store"
)

// The layout of a store with an unlabelled image, and of a root that says where its labels
// are from, is as documented.
func TestLayoutOfLabels(t *testing.T) {
	path := fill(t)
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var id store.RootID
	d := split.SumBytes([]byte("unlabelled"))
	err = db.Update(func(tx *store.Tx) error {
		listed, err1 := tx.PutRoot(store.Root{Path: "/a", Labels: &store.LabelSource{Kind: store.LabelsByList, Files: []string{"train.csv"}, PathColumn: "id"}})
		none, err2 := tx.PutRoot(store.Root{Path: "/b", Labels: &store.LabelSource{Kind: store.LabelsNone}})
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		id = listed.ID
		if err := tx.PutImage(listed.ID, "1.jpg", store.Image{Digest: d}); !errors.Is(err, store.ErrBadLabel) {
			t.Errorf("an image without a label where there are labels: %v", err)
		}
		return errors.Join(tx.PutImage(none.ID, "1.jpg", store.Image{Digest: d}), tx.PutVector("small", d, make([]float32, 8)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = b.View(func(tx *bolt.Tx) error {
		var format int
		var root map[string]any
		if err := msgpack.Unmarshal(tx.Bucket([]byte("meta")).Get([]byte("format")), &format); err != nil || format != 3 {
			t.Errorf("format %d, %v", format, err)
		}
		if err := msgpack.Unmarshal(tx.Bucket([]byte("roots")).Get([]byte{0, 0, 0, 0, 0, 0, 0, byte(id)}), &root); err != nil {
			return err
		}
		labels := root["labels"].(map[string]any)
		if labels["kind"] != "list" || labels["path_column"] != "id" || len(labels) != 3 || labels["files"].([]any)[0] != "train.csv" {
			t.Errorf("labels %v", labels)
		}
		if tx.Bucket([]byte("features")).Bucket([]byte("small")).Bucket([]byte("unlabelled")).Get(d[:]) == nil {
			t.Error("the unlabelled vector is not aside")
		}
		return nil
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	db, err = store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	st, err := db.Stats()
	if err != nil || st.Unlabelled != 1 || st.Format != 3 || st.Models[1].Unlabelled != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	if r, err := db.Check(t.Context(), nil); err != nil || !r.OK() {
		t.Errorf("%v, %+v", err, r)
	}
}
