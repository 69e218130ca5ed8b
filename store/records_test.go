package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// Records come back as they were put.
func TestRecordsRoundTrip(t *testing.T) {
	db := storetest.Open(t)
	when := time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.FixedZone("x", 3600))
	root := store.Root{Path: "/photos/été", Name: "été", Seen: when}
	model := store.Model{ID: "m1", Name: "Lite0", FileSHA256: "ab", Tap: "Squeeze:0", Dim: 3, Preprocess: `{"size":320}`, Engine: 2, Added: when}
	head := store.Head{
		Name: "default", Kind: "softmax", Created: when, Version: "1.2", Models: []string{"m1"}, Labels: []string{"a", "β"}, Dim: 3,
		Config: `{"rate":0.01}`, Params: []byte{0, 1, 0xff},
		Trained: store.TrainedOn{Policy: split.DefaultPolicy(), Counts: [][3]int{{8, 1, 1}, {9, 0, 1}}, Fingerprint: make([]byte, 32)},
		Test:    store.TestAccuracy{Correct: 9, Total: 10, Lo: 0.6, Hi: 0.98},
	}
	failure := store.Failure{Reason: "truncated", Size: 3, MTime: -5, When: when}
	image := store.Image{Digest: split.SumBytes([]byte("x")), Size: 1 << 40, MTime: 1700000000123456789, Label: "β"}
	err := db.Update(func(tx *store.Tx) (err error) {
		if root, err = tx.PutRoot(root); err != nil {
			return err
		}
		return errors.Join(tx.PutModel(model), tx.PutHead(head), tx.PutFailure(root.ID, "f.jpg", failure), tx.PutImage(root.ID, "β/i.jpg", image))
	})
	if err != nil {
		t.Fatal(err)
	}
	root.Seen, model.Added, head.Created, failure.When = when.UTC(), when.UTC(), when.UTC(), when.UTC()
	err = db.View(func(tx *store.Tx) error {
		r, err1 := tx.Root(root.ID)
		m, err2 := tx.Model("m1")
		h, err3 := tx.Head("default")
		f, err4 := tx.Failure(root.ID, "f.jpg")
		i, err5 := tx.Image(root.ID, "β/i.jpg")
		got, want := []any{r, m, h, f, i}, []any{root, model, head, failure, image}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want -, got +:\n%s", d)
		}
		return errors.Join(err1, err2, err3, err4, err5)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A later version may add fields to a record.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	b, err := msgpack.Marshal(map[string]any{
		"digest": make([]byte, 32), "size": 1, "mtime": 2, "label": "daisy",
		"camera": map[string]any{"maker": "x", "lenses": []int{1, 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := store.DecodeImage(b); err != nil || m.Label != "daisy" || m.MTime != 2 {
		t.Error(m, err)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	for _, c := range []byte{0x91, 0x81} {
		b := bytes.Repeat([]byte{c}, 20<<20) // would exhaust the stack
		if err := store.Decode(b, new(store.Head)); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "nested") {
			t.Errorf("%#x: %v", c, err)
		}
	}
}
