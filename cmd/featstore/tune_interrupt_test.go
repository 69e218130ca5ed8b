//go:build unix

package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"featstore/store"
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

// A kill after the last epoch, while the network, its vectors and the head are kept, leaves
// a store in order, and either --resume ends the run or another one leaves nothing of it.
func TestKilledWhileKeepingTheNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, db := drawSome(t, 6)
	tune := []string{"finetune", "--from", "block14.add", "--epochs", "1", "--batch", "8", "--store", db}
	for _, args := range [][]string{{"ingest", photos, "--size", "64", "--store", db}, tune} {
		if stderr, status := start(t, args...).end(); status.ExitStatus() != 0 {
			t.Fatal(stderr)
		}
	}
	for i := range 6 {
		p := start(t, append(tune, "--seed", strconv.Itoa(i+1))...)
		for !strings.Contains(p.out.String(), "Epoch 1 of 1") {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		p.Process.Kill()
		p.end()
		storetest.CheckFile(t, db)
		if i%2 == 0 {
			if stderr, status := start(t, "finetune", "--resume", "--store", db).end(); status.ExitStatus() != 0 && !strings.Contains(stderr, "no checkpoint") {
				t.Fatal(stderr)
			}
			if tuned := tunedNetworks(t, db); tuned != 1 {
				t.Errorf("resumed, the store has %d tuned networks", tuned)
			}
		}
	}
	if stderr, status := start(t, tune...).end(); status.ExitStatus() != 0 {
		t.Fatal(stderr)
	}
	if tuned := tunedNetworks(t, db); tuned != 1 {
		t.Errorf("at the end the store has %d tuned networks", tuned)
	}
	storetest.CheckFile(t, db)
}

// tunedNetworks counts those of a store.
func tunedNetworks(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Models {
		if m.Tuned != nil {
			n++
		}
	}
	return n
}
