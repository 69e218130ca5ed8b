//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"featstore/store/storetest"
)

// Ctrl-C and a kill lose at most an epoch of finetune: --resume goes on after the last
// one that ended, and ends as a run that was left alone.
func TestInterruptedTuningGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, db := drawSome(t, 6)
	settings := []string{"finetune", "--from", "block14.add", "--epochs", "3", "--batch", "8"}
	run := func(args ...string) (stdout, stderr string, status syscall.WaitStatus) {
		p := start(t, append(args, "--store", db)...)
		stderr, status = p.end()
		return p.out.String(), stderr, status
	}
	if _, stderr, status := run("ingest", photos, "--size", "64"); status.ExitStatus() != 0 {
		t.Fatal(stderr)
	}
	whole, stderr, status := run(append(settings, "--head", "whole")...)
	if status.ExitStatus() != 0 {
		t.Fatal(stderr)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		p := start(t, append(settings, "--store", db)...)
		for !strings.Contains(p.out.String(), "Epoch 1 of 3") {
			time.Sleep(time.Millisecond)
		}
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		stderr, status := p.end()
		storetest.CheckFile(t, db)
		if signal == syscall.SIGINT && (status.ExitStatus() != 130 || !strings.Contains(stderr, "--resume")) {
			t.Errorf("interrupted: exit code %d, %s", status.ExitStatus(), stderr)
		}
		rest, stderr, status := run("finetune", "--resume")
		if status.ExitStatus() != 0 {
			t.Fatalf("%v: --resume: %s", signal, stderr)
		}
		if !strings.HasSuffix(whole, rest) || strings.Contains(rest, "Epoch 1 of 3") {
			t.Errorf("%v: went on with\n%s\nbut in one run it was\n%s", signal, rest, whole)
		}
	}
	storetest.CheckFile(t, db)
}
