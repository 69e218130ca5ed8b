package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"featstore/store"
	"featstore/store/storetest"
)

// The variables tell this test program to be a child that ingests a folder with
// a fake network, and how.
const (
	childDir   = "FEATSTORE_TEST_INGEST" // photo folder; the store is beside it
	childLimit = "FEATSTORE_TEST_LIMIT"  // bytes that a file may grow to
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(dir string) (err error) {
	if err := limitFileSize(os.Getenv(childLimit)); err != nil {
		return err
	}
	db, err := store.Open(dir+".db", store.Options{Create: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var calls atomic.Int64
	nets := []network{fake{id: "m", calls: &calls, pause: time.Millisecond}.network()}
	_, err = ingest(context.Background(), db, nets, dir, Options{Workers: 2})
	return err
}

func childCommand(dir, limit string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childLimit+"="+limit)
	return cmd
}

// photoFolder makes n photos, and returns the folder and how to finish: a run in
// this process that must leave everything in the store.
func photoFolder(t *testing.T, n int) (dir string, finish func(context string)) {
	w := &world{t: t, dir: filepath.Join(storetest.Dir(t), "photos"), time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range n {
		w.write(fmt.Sprintf("label%d/%d.jpg", i%3, i), fmt.Sprint("photo ", i))
	}
	return w.dir, func(context string) {
		t.Helper()
		db, err := store.Open(w.dir+".db", store.Options{Create: true})
		if err != nil {
			t.Fatalf("%s: %v", context, err)
		}
		w.db = db
		nets, _ := fakes("m")
		r := w.ingest(nets, Options{})
		must(t, db.Close())
		if r.Unchanged+r.New != n || r.Unchanged+r.Computed != n {
			t.Errorf("%s: %d kept, %d new, %d computed; want %d in all", context, r.Unchanged, r.New, r.Computed, n)
		}
		storetest.CheckFile(t, db.Path())
	}
}

// A process killed at any moment leaves a store from which the next run goes on.
func TestKilledRunsGoOn(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 3
	}
	dir, finish := photoFolder(t, 1500)
	for i := range kills {
		cmd := childCommand(dir, "")
		must(t, cmd.Start())
		time.Sleep(time.Duration(40*i+5) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := os.Stat(dir + ".db"); err == nil {
			storetest.CheckFile(t, dir+".db")
		}
	}
	finish("after the kills")
}

// A disk that is full at one point after another: each time the run ends with an
// error, and the store is in order. The limit rises until nothing fails.
func TestFullDisk(t *testing.T) {
	if !canLimitFileSize {
		t.Skip("this system cannot limit the size of a process's files")
	}
	step := 128 << 10
	if testing.Short() {
		step = 512 << 10
	}
	dir, finish := photoFolder(t, 600)
	for limit := 16 << 10; ; limit += step {
		if limit > 64<<20 {
			t.Fatal("still fails with 64 MB")
		}
		os.Remove(dir + ".db")
		out, err := childCommand(dir, fmt.Sprint(limit)).CombinedOutput()
		if _, missing := os.Stat(dir + ".db"); missing == nil {
			storetest.CheckFile(t, dir+".db")
		}
		if err == nil {
			break
		}
		if !strings.Contains(string(out), "file too large") {
			t.Fatalf("limit %d: want an error that tells the reason, got %v: %s", limit, err, out)
		}
	}
	finish("after the full disks")
}
