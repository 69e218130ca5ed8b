//go:build unix && !solaris && !illumos && !aix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// writeUntilFull does a day's work under a limit on the size of files, which fails
// writes as a full disk does.
func writeUntilFull(path string) {
	limit, _ := strconv.Atoi(os.Getenv("STORE_TEST_LIMIT"))
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}); err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	err := func() error {
		db, err := store.Open(path, store.Options{Create: true})
		if err != nil {
			return err
		}
		defer db.Close()
		err = db.Update(func(tx *store.Tx) error {
			_, err := tx.PutRoot(store.Root{})
			return errors.Join(err, tx.PutModel(store.Model{ID: "m", Dim: 700}))
		})
		if err != nil {
			return err
		}
		w := db.NewWriter(store.WriterOptions{MaxOps: 5})
		for i := range 20 {
			w.Put(store.Entry{Root: 1, Path: fmt.Sprint(i), Image: store.Image{Digest: split.SumBytes([]byte{byte(i)}), Label: "a"},
				Vectors: map[string][]float32{"m": make([]float32, 700)}})
		}
		if err := w.Close(); err != nil {
			// What was stored before can still be read, and the store closed.
			_, err2 := db.Stats()
			return errors.Join(err, err2)
		}
		if _, err := db.Resplit(context.Background(), split.Policy{Testing: 50}, nil); err != nil {
			return err
		}
		return nil
	}()
	if err == nil {
		_, _, err = store.Compact(context.Background(), path, store.Options{})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A disk that is full at any point makes an error, and leaves a store in order, or
// none.
func TestDiskFull(t *testing.T) {
	step := 3 * 4096
	if testing.Short() {
		step = 20 * 4096
	}
	for limit := step; ; limit += step {
		path := filepath.Join(storetest.Dir(t), "features.db")
		cmd, out := child(t, "full", path, fmt.Sprint("STORE_TEST_LIMIT=", limit))
		said, _ := out.ReadString('\n')
		code := exitCode(cmd)
		if code == 0 {
			if limit < 16*4096 {
				t.Errorf("%d bytes were enough", limit)
			}
			storetest.CheckFile(t, path)
			return
		}
		if code != 1 || !strings.Contains(said, "file too large") {
			t.Fatalf("limit %d: exit code %d, %s", limit, code, said)
		}
		if _, err := os.Stat(path); err == nil {
			storetest.CheckFile(t, path)
		}
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) > 1 {
			t.Errorf("limit %d: left behind: %v", limit, names)
		}
	}
}
