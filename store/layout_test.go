package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/vmihailenco/msgpack/v5"
	bolt "go.etcd.io/bbolt"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A program that knows bbolt, msgpack and the package comment reads the whole file.
func TestLayoutIsAsDocumented(t *testing.T) {
	path := fill(t)
	b, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	type record = map[string]any
	decode := func(v []byte) any {
		var x any
		if err := msgpack.Unmarshal(v, &x); err != nil {
			t.Errorf("% x: %v", v, err)
		}
		return x
	}
	keys := func(v any) []string {
		var names []string
		for k := range v.(record) {
			names = append(names, k)
		}
		slices.Sort(names)
		return names
	}
	root := []byte{0, 0, 0, 0, 0, 0, 0, 1}
	d := largeModel.Digest(2, 3)
	err = b.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if k, f := decode(meta.Get([]byte("kind"))), decode(meta.Get([]byte("format"))); k != "featstore" || f != int8(2) {
			t.Errorf("kind %v, format %v", k, f)
		}
		p := decode(meta.Get([]byte("policy"))).(record)
		if p["validation"] != 10.0 || p["testing"] != 10.0 || p["salt"] != "" {
			t.Errorf("policy %v", p)
		}
		if c, ok := decode(meta.Get([]byte("created"))).(time.Time); !ok || time.Since(c) > time.Hour {
			t.Errorf("created %v", c)
		}
		for _, c := range []struct {
			value []byte
			want  []string
		}{
			{tx.Bucket([]byte("roots")).Get(root), []string{"name", "path", "seen"}},
			{tx.Bucket([]byte("images")).Bucket(root).Get([]byte("label02/000003.jpg")), []string{"digest", "label", "mtime", "size"}},
			{tx.Bucket([]byte("failures")).Bucket(root).Get([]byte("bad.jpg")), []string{"mtime", "reason", "size", "when"}},
			{tx.Bucket([]byte("models")).Get([]byte("large")), []string{"added", "dim", "engine", "file_sha256", "name", "preprocess", "tap"}},
			{tx.Bucket([]byte("heads")).Get([]byte("default")),
				[]string{"config", "created", "dim", "kind", "labels", "models", "params", "test", "trained", "version"}},
		} {
			if got := keys(decode(c.value)); !slices.Equal(got, c.want) {
				t.Errorf("a record has %q, want %q", got, c.want)
			}
		}
		image := decode(tx.Bucket([]byte("images")).Bucket(root).Get([]byte("label02/000003.jpg"))).(record)
		if !bytes.Equal(image["digest"].([]byte), d[:]) || image["label"] != "label02" {
			t.Errorf("image %v", image)
		}
		indexed := append(append(bytes.Clone(d[:]), root...), "label02/000003.jpg"...)
		if l := decode(tx.Bucket([]byte("digests")).Get(indexed)); l != "label02" {
			t.Errorf("index has label %v", l)
		}
		fixed := smallModel.Digest(1, 1)
		if s := decode(tx.Bucket([]byte("splits")).Get(fixed[:])); s != "testing" {
			t.Errorf("split %v", s)
		}
		features := tx.Bucket([]byte("features"))
		sp := split.DefaultPolicy().Assign(d).String()
		bucket := features.Bucket([]byte("large")).Bucket([]byte(sp)).Bucket([]byte("label02"))
		if got := plainMsgpack(t, bucket.Get(d[:])); !slices.Equal(got, largeModel.Vector(2, 3)) {
			t.Error("plain msgpack reads another vector")
		}
		if n := bucket.Stats().KeyN; uint64(n) != bucket.Sequence() {
			t.Errorf("%d keys, sequence %d", n, bucket.Sequence())
		}
		disputed := smallModel.Digest(0, 0)
		if features.Bucket([]byte("small")).Bucket([]byte("disputed")).Get(disputed[:]) == nil {
			t.Error("the disputed vector is not aside")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Tx.Vector gives vectors where they lie in the file. This also runs under checkptr:
// go test -gcflags=all=-d=checkptr.
func TestVectorsAliasTheFile(t *testing.T) {
	db := storetest.Open(t)
	for _, dim := range []int{1, 3, 200, 400, 1280, 2048, 16382, 16383} {
		c := storetest.Clusters{Model: fmt.Sprint(dim), Labels: 2, Images: 9, Dim: dim}
		c.Fill(t, db)
		ix, err := db.Index([]string{c.Model}, split.Training)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Each(ix, func(_ int, d split.Digest, row []float32) error {
			if uintptr(unsafe.Pointer(&row[0]))%4 != 0 {
				t.Errorf("%d floats: not aligned", dim)
			}
			for _, v := range row {
				_ = v
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if dim < 400 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
			continue
		}
		// Two reads of one key give the same memory: no copy was made.
		err = db.View(func(tx *store.Tx) error {
			a, err1 := tx.Vector(c.Model, ix.Keys[0][0])
			b, err2 := tx.Vector(c.Model, ix.Keys[0][0])
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if &a[0] != &b[0] {
				t.Errorf("%d floats: copied", dim)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
