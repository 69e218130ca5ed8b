//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trained makes a store of drawn photos with a head.
func trained(t *testing.T, each int) (photos, db string) {
	t.Helper()
	photos, db = drawSome(t, each)
	for _, args := range [][]string{{"ingest", photos, "--size", "64", "-q"}, {"train", "--steps", "20", "-q"}} {
		if stderr, status := start(t, append(args, "--store", db)...).end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
	}
	return photos, db
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// A photo that comes in pieces into a watched folder is looked at when it is whole; Ctrl-C
// ends the watch with 130.
func TestWatchTakesWholePhotos(t *testing.T) {
	photos, db := trained(t, 3)
	data, err := os.ReadFile(filepath.Join(photos, "rose", "rose_000.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(filepath.Dir(db), "incoming")
	if err := os.Mkdir(in, 0o777); err != nil {
		t.Fatal(err)
	}
	p := start(t, "predict", "--watch", in, "--sort-into", filepath.Join(in, "sorted"), "--by", "move", "--yes", "--store", db)
	p.until(t, "waiting for photos in")
	f, err := os.Create(filepath.Join(in, "new.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := 0; at < len(data); at += len(data)/4 + 1 {
		if _, err := f.Write(data[at:min(at+len(data)/4+1, len(data))]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(700 * time.Millisecond)
	}
	waitFor(t, "the photo is sorted", func() bool { return strings.Contains(p.out.String(), "new.jpg: ") })
	p.Process.Signal(os.Interrupt)
	stderr, status := p.end()
	if status.ExitStatus() != 130 || strings.Contains(stderr, "warning") || strings.Count(p.out.String(), "\n") != 1 {
		t.Fatalf("exit code %d, %s%s", status.ExitStatus(), p.out.String(), stderr)
	}
	sorted, err := filepath.Glob(filepath.Join(in, "sorted", "*", "new.jpg"))
	if err != nil || len(sorted) != 1 {
		t.Fatalf("sorted into %q: %v", sorted, err)
	}
	if got, err := os.ReadFile(sorted[0]); err != nil || string(got) != string(data) {
		t.Errorf("%d bytes were moved, want %d: %v", len(got), len(data), err)
	}
}

// A kill while photos are moved loses none, and the same command finishes the rest.
func TestKilledWhileSorting(t *testing.T) {
	photos, db := trained(t, 8)
	out := filepath.Join(filepath.Dir(db), "sorted")
	args := []string{"predict", photos, "--sort-into", out, "--by", "move", "--yes", "--store", db, "--workers", "1"}
	p := start(t, args...)
	waitFor(t, "some photos are moved", func() bool { return strings.Count(p.out.String(), "\n") > 3 })
	p.Process.Kill()
	if _, status := p.end(); status.Signaled() && status.Signal() != syscall.SIGKILL {
		t.Fatal(status)
	}
	if stderr, status := start(t, args...).end(); status.ExitStatus() != 0 && !strings.Contains(stderr, "no photos found") {
		t.Fatalf("exit code %d, %s", status.ExitStatus(), stderr)
	}
	moved, err := filepath.Glob(filepath.Join(out, "*", "*.jpg"))
	if err != nil || len(moved) != 40 {
		t.Errorf("%d photos were moved, want 40: %v", len(moved), err)
	}
	if left, err := filepath.Glob(filepath.Join(photos, "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("%q are left: %v", left, err)
	}
}
