package store_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// format1 is a store that the first version made. It has 12 photos of two labels,
// one of them in dispute, a failure, a split set by hand and a head.
func format1(t testing.TB) string {
	t.Helper()
	f, err := os.Open("testdata/format1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(storetest.Dir(t), "features.db")
	write(t, path, b)
	return path
}

// A store of the first format is read as it is, and upgraded when opened for
// writing, after which it holds the same.
func TestFirstFormat(t *testing.T) {
	path := format1(t)
	before := read(t, path)
	storetest.CheckFile(t, path)
	was := contents(t, path)
	if !bytes.Equal(before, read(t, path)) {
		t.Error("reading has changed it")
	}
	update(t, path, func(*store.Tx) error { return nil })
	storetest.CheckFile(t, path)
	is := contents(t, path)
	if want := strings.Replace(was, "Format:1", "Format:2", 1); is != want {
		t.Errorf("want %s\ngot %s", want, is)
	}
	for _, want := range []string{"cut short", "label1/copy.jpg", "Fixed:1", "Name:default"} {
		if !strings.Contains(is, want) {
			t.Errorf("%q is missing in\n%s", want, is)
		}
	}
	update(t, path, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteImage(1, "label0/2.jpg"), tx.ClearSplit(split.SumBytes([]byte{3})), tx.DeleteHead("default"),
			tx.DeleteFailure(1, "bad.jpg"))
	})
	storetest.CheckFile(t, path)
}

// A failure while a store is upgraded leaves it as it was.
func TestUpgradeFails(t *testing.T) {
	path := format1(t)
	before := contents(t, path)
	opt := store.WithFault(store.Options{}, func(step string) error {
		if step == "commit" {
			return errInjected
		}
		return nil
	})
	if _, err := store.Open(path, opt); !errors.Is(err, errInjected) || !strings.Contains(err.Error(), "upgrading it from format 1 to 2") {
		t.Error(err)
	}
	if contents(t, path) != before {
		t.Error("it has changed")
	}
	storetest.CheckFile(t, path)
}
