package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"featstore/store"
	"featstore/store/storetest"
)

// A network is kept in pieces, goes with its model, and is covered by the check.
func TestNetworksAreKept(t *testing.T) {
	path := fill(t)
	onnx := bytes.Repeat([]byte("network"), 400_000) // three pieces
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	update := func(fn func(*store.Tx) error) {
		t.Helper()
		if err := db.Update(fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *store.Tx) error { return tx.PutNetwork("large", onnx) })
	update(func(tx *store.Tx) error { // ingest writes the record again
		m, err := tx.Model("large")
		m.Network, m.Path = 0, "elsewhere"
		return errors.Join(err, tx.PutModel(m))
	})
	update(func(tx *store.Tx) error { return tx.PutCheckpoint("finetuned", onnx[:10]) })
	err = db.View(func(tx *store.Tx) error {
		got, err := tx.Network("large")
		if err != nil || !bytes.Equal(got, onnx) {
			t.Errorf("the network comes back as %d bytes, %v", len(got), err)
		}
		state, err := tx.Checkpoint("finetuned")
		if err != nil || !bytes.Equal(state, onnx[:10]) {
			t.Errorf("the checkpoint comes back as %d bytes, %v", len(state), err)
		}
		if _, err := tx.Network("none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a network that there is not: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	update(func(tx *store.Tx) error { return tx.DeleteCheckpoint("finetuned") })
	if r, err := db.Check(t.Context(), nil); err != nil || !r.OK() {
		t.Fatalf("check: %v, %q", err, r.Problems)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.CheckFile(t, path)
	for what, damage := range map[string]func(b *bolt.Bucket) error{
		"a flipped bit": func(b *bolt.Bucket) error {
			v := bytes.Clone(b.Get([]byte{0, 0, 0, 1}))
			v[1000] ^= 1
			return b.Put([]byte{0, 0, 0, 1}, v)
		},
		"a piece in the wrong place": func(b *bolt.Bucket) error { return b.Put([]byte{0, 0, 0, 1}, bytes.Clone(b.Get([]byte{0, 0, 0, 0}))) },
		"a piece that is gone":       func(b *bolt.Bucket) error { return b.Delete([]byte{0, 0, 0, 2}) },
	} {
		t.Run(what, func(t *testing.T) { damagedNetwork(t, path, damage) })
	}
}

// damagedNetwork damages a copy of the store, which must be noticed.
func damagedNetwork(t *testing.T, path string, damage func(b *bolt.Bucket) error) {
	raw, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]byte{}
	edit := func(fn func(b *bolt.Bucket) error) {
		if err := raw.Update(func(tx *bolt.Tx) error { return fn(tx.Bucket([]byte("networks")).Bucket([]byte("large"))) }); err != nil {
			t.Fatal(err)
		}
	}
	edit(func(b *bolt.Bucket) error {
		err := b.ForEach(func(k, v []byte) error { kept[string(k)] = bytes.Clone(v); return nil })
		return errors.Join(err, damage(b))
	})
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := store.CheckFile(t.Context(), path, nil)
	if err != nil || r.OK() || !strings.Contains(strings.Join(r.Problems, "\n"), "networks/large") {
		t.Errorf("check says %v, %q", err, r.Problems)
	}
	if raw, err = bolt.Open(path, 0o600, nil); err != nil {
		t.Fatal(err)
	}
	edit(func(b *bolt.Bucket) error {
		for k, v := range kept {
			if err := b.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
}

// A network that is not its model's, or not there, is noticed.
func TestCheckMissesNetworks(t *testing.T) {
	path := fillToDamage(t)
	update(t, path, func(tx *store.Tx) error { return tx.PutNetwork("large", []byte("network")) })
	raw, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("networks"))
		_, err := b.CreateBucket([]byte("strange"))
		return errors.Join(err, b.DeleteBucket([]byte("large")))
	})
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := store.CheckFile(t.Context(), path, nil)
	all := strings.Join(r.Problems, "\n")
	for _, want := range []string{"networks/strange: ", `unknown model "strange"`, "the network of model large is not the one of 7 bytes"} {
		if err != nil || !strings.Contains(all, want) {
			t.Errorf("want %q, the check says %v, %q", want, err, r.Problems)
		}
	}
}
