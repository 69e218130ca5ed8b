package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"featstore/store"
	"featstore/store/storetest"
)

// A header that cannot be used is told by Open and Check, with what may be missing,
// whichever of its bits has flipped.
func TestInvalidHeader(t *testing.T) {
	path := fill(t)
	whole := read(t, path)
	newest := 0
	if txid(whole, 1) > txid(whole, 0) {
		newest = 1
	}
	for page := range 2 {
		for _, at := range []int{16, 20, 24, 32, 56, 64, 72, 79} { // fields of the header
			bad := filepath.Join(storetest.Dir(t), "damaged.db")
			data := bytes.Clone(whole)
			data[page*4096+at] ^= 4
			write(t, bad, data)
			want := "is invalid"
			switch {
			case at == 64: // its number cannot be known
				want = "may be missing"
			case page == newest:
				want = "the last change to the store is missing"
			default:
				want = "nothing is missing"
			}
			r, err := store.CheckFile(context.Background(), bad, nil)
			if err != nil || r.OK() || !strings.Contains(strings.Join(r.Problems, "\n"), want) {
				t.Errorf("byte %d of page %d: check says %q, %v; want %q", at, page, r.Problems, err, want)
			}
			db, err := store.Open(bad, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := db.Doubt(); !strings.Contains(d, want) {
				t.Errorf("byte %d of page %d: opening says %q, want %q", at, page, d, want)
			}
			if err := db.Update(func(tx *store.Tx) error { _, err := tx.PutRoot(store.Root{}); return err }); err != nil {
				t.Error(err)
			}
			db.Close()
			storetest.CheckFile(t, bad) // the change has written it anew
		}
	}
}

func txid(file []byte, page int) uint64 { return binary.NativeEndian.Uint64(file[page*4096+64:]) }

func TestNoDoubtAboutGoodStores(t *testing.T) {
	db := storetest.Open(t)
	if d := db.Doubt(); d != "" {
		t.Error(d)
	}
}
