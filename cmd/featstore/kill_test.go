//go:build unix

package main

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"featstore/store/storetest"
)

var kills = flag.Int("kills", 6, "kills of TestKillsOfWritingCommands")

// writingCommands are all commands that write, to a store or beside it. Each is killed
// in a state in which it has something to do.
func writingCommands(photos string) [][]string {
	dir := filepath.Dir(photos)
	return [][]string{
		{"ingest", photos, "--size", "64", "--workers", "1"},
		{"train", "--steps", "500"},
		{"split", "--salt", ""}, // a salt is added
		{"ingest", photos, "--reread"},
		{"train", "--head", "logistic", "--name", "second"},
		{"export", "-o", filepath.Join(dir, "out"), "--force"},
		{"import", filepath.Join(dir, "out"), "--name", "imported"},
		{"models", "remove", "imported"},
		{"forget", "--head", "second"},
		{"split", "--clear"},
		{"forget", photos},
		{"compact"},
	}
}

// However often and wherever commands are killed, the store is in order, the next
// command goes on, and at the end nothing is left beside what was asked for.
func TestKillsOfWritingCommands(t *testing.T) {
	photos, db := drawSome(t, 6)
	commands := writingCommands(photos)
	usual := make([]time.Duration, len(commands)) // how long each takes, once known
	killed := 0
	for n := 0; killed < *kills; n++ {
		k := n % len(commands)
		args := append([]string(nil), commands[k]...)
		if args[0] == "split" && args[1] == "--salt" {
			args[2] = time.Now().String()
		}
		args = append(args, "--store", db)
		began := time.Now()
		if usual[k] > 0 {
			p := start(t, args...)
			time.Sleep(time.Duration(rand.Int64N(int64(usual[k]))))
			p.Process.Kill()
			if _, status := p.end(); status.Signaled() {
				killed++
			}
			checkAfter(t, db, args)
			began = time.Now()
		}
		// It goes on; what it may meet is a split that was interrupted.
		p := start(t, args...)
		stderr, status := p.end()
		if status.Signaled() || status.ExitStatus() != 0 && !strings.Contains(stderr, "not in the store") && !strings.Contains(stderr, "no head") &&
			!strings.Contains(stderr, "no model") {
			t.Fatalf("%q after a kill: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
		usual[k] = time.Since(began)
		checkAfter(t, db, args)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(db), "*")); len(names) > 3 {
		t.Errorf("left behind: %q", names)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(db), ".*")); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
	t.Logf("%d kills", killed)
}

func checkAfter(t *testing.T, db string, args []string) {
	t.Helper()
	if _, err := os.Stat(db); err != nil {
		return // killed before it was made
	}
	storetest.CheckFile(t, db)
	if t.Failed() {
		t.Fatalf("after %q", args)
	}
}
