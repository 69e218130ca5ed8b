//go:build unix && !solaris && !illumos && !aix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"featstore/store/storetest"
)

// fileLimit is the most bytes that a file may have which this test program writes as
// featstore: writes beyond it fail as they do on a full disk.
const fileLimit = "FEATSTORE_TEST_FILE_LIMIT"

func init() {
	limit, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64)
	if err != nil {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
}

// limited runs featstore under a limit on the size of files, 0 for none.
func limited(t *testing.T, limit int, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	if limit > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint(fileLimit, "=", limit))
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// A disk that is full when the cache, a checkpoint, the network, its vectors or the head is
// written makes an error that says so, and leaves a store in order. With room again
// --resume goes on where an epoch had ended, to the same result.
func TestDiskFullWhileTuning(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, ingested := drawSome(t, 6)
	if code, _, stderr := limited(t, 0, "ingest", photos, "--size", "64", "--store", ingested); code != 0 {
		t.Fatal(stderr)
	}
	data, err := os.ReadFile(ingested)
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() (db string) {
		db = filepath.Join(storetest.Dir(t), "features.db")
		if err := os.WriteFile(db, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return db
	}
	for epochs, want := range map[string]string{"1": "network", "2": "later checkpoint"} {
		tune := []string{"finetune", "--from", "block14.add", "--epochs", epochs, "--batch", "8", "--store"}
		code, whole, stderr := limited(t, 0, append(tune, fresh())...)
		if code != 0 {
			t.Fatal(stderr)
		}
		fails := map[string]int{}
		for limit := len(data); code != 0 || limit == len(data); limit += 8 << 20 {
			db := fresh()
			var stdout string
			code, stdout, stderr = limited(t, limit, append(tune, db)...)
			storetest.CheckFile(t, db)
			if code == 0 && stdout != whole {
				t.Errorf("limit %d: it ended with\n%s\nnot\n%s", limit, stdout, whole)
			}
			if code > 1 || code == 1 && !strings.Contains(stderr, "file too large") {
				t.Fatalf("limit %d: exit code %d, %s", limit, code, stderr)
			}
			if code == 1 {
				fails[failure(stderr)]++
			}
			if strings.Contains(stderr, "go on with featstore finetune --resume") {
				code, rest, stderr := limited(t, 0, "finetune", "--resume", "--store", db)
				if code != 0 || !strings.HasSuffix(whole, rest) {
					t.Errorf("limit %d: --resume: exit code %d, %s\n%s", limit, code, stderr, rest)
				}
				storetest.CheckFile(t, db)
			}
		}
		if fails["first checkpoint"] == 0 || fails[want] == 0 {
			t.Errorf("with %s epochs %v had no room: want also a %s", epochs, fails, want)
		}
	}
}

// failure is what the message of a failed finetune says it was doing.
func failure(stderr string) string {
	switch {
	case strings.Contains(stderr, "error: keep the tuned network: "):
		return "network"
	case strings.Contains(stderr, "--resume"):
		return "later checkpoint"
	}
	return "first checkpoint"
}

// A cache of activations for which the disk has no room is no error: they are computed anew.
func TestDiskFullUnderTheCache(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, db := drawSome(t, 6)
	tune := []string{"finetune", "--store", db, "--from", "block1.expand", "--epochs", "1", "--batch", "8"}
	if code, _, stderr := limited(t, 0, "ingest", photos, "--size", "64", "--store", db); code != 0 {
		t.Fatal(stderr)
	}
	// The checkpoint after the first epoch has no room either, and that is an error.
	code, _, stderr := limited(t, 3<<20, tune...)
	if code != 1 || !strings.Contains(stderr, "warning: writing cache "+db+".cut: file too large: going on without") ||
		!strings.Contains(stderr, "error: keep the checkpoint: ") {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	storetest.CheckFile(t, db)
	code, _, stderr = limited(t, 0, tune...)
	if code != 0 || strings.Contains(stderr, "warning") {
		t.Errorf("with room again: exit code %d, %s", code, stderr)
	}
	storetest.CheckFile(t, db)
}
