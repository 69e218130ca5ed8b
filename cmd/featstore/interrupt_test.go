//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store/storetest"
)

// A process is featstore running beside the test.
type process struct {
	*exec.Cmd
	out    output
	stderr *bufio.Reader
}

// output is written by one goroutine and read by another.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith starts featstore with a standard input.
func startWith(t *testing.T, stdin io.Reader, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Stdin = stdin
	p.Env = append(os.Environ(), asProgram+"=1")
	p.Stdout = &p.out
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewReader(pipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// until reads standard error up to a line that contains text.
func (p *process) until(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := p.stderr.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("standard error ended without %q: %v", text, err)
		}
	}
}

func (p *process) end() (rest string, status syscall.WaitStatus) {
	b, _ := io.ReadAll(p.stderr)
	p.Wait()
	return string(b), p.ProcessState.Sys().(syscall.WaitStatus)
}

func drawSome(t *testing.T, each int) (photos, db string) {
	t.Helper()
	dir := storetest.Dir(t)
	photos = filepath.Join(dir, "photos")
	if err := drawn.Write(context.Background(), photos, each, 1); err != nil {
		t.Fatal(err)
	}
	return photos, filepath.Join(dir, "features.db")
}

// The first Ctrl-C ends the run in order: what was computed is in the store, the
// exit code is 130, and the same command goes on from there.
func TestInterruptKeepsWhatWasDone(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const each = 12
	photos, db := drawSome(t, each)
	p := start(t, "ingest", photos, "--store", db, "--size", "640", "--workers", "1", "--json")
	for !someDone(p.out.String()) {
		if strings.Contains(p.out.String(), `"result"`) {
			t.Fatal("ended before it could be interrupted")
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.Process.Signal(os.Interrupt)
	stderr, status := p.end()
	if status.ExitStatus() != 130 || !strings.Contains(stderr, `"error":"interrupted"`) || !strings.Contains(stderr, "run the same command again") {
		t.Fatalf("exit code %d, stderr %q", status.ExitStatus(), stderr)
	}
	first := lastObject(t, p.out.String())
	kept := int(first["new"].(float64))
	if first["interrupted"] != true || kept == 0 || kept == 5*each {
		t.Fatalf("want some photos kept, not all: %v", first)
	}
	storetest.CheckFile(t, db)

	p = start(t, "ingest", photos, "--store", db, "--json")
	if stderr, status := p.end(); status.ExitStatus() != 0 {
		t.Fatalf("the second run: exit code %d, %s", status.ExitStatus(), stderr)
	}
	second := lastObject(t, p.out.String())
	if got := int(second["unchanged"].(float64)); got != kept || int(second["computed"].(float64)) != 5*each-kept {
		t.Errorf("%d photos were kept, the second run found %d and computed %v of %d", kept, got, second["computed"], 5*each)
	}
	storetest.CheckFile(t, db)
}

// The second Ctrl-C does not wait for anything.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	photos, db := drawSome(t, 2)
	p := start(t, "ingest", photos, "--store", db, "--size", "2048", "--workers", "1")
	p.until(t, "network:")
	time.Sleep(300 * time.Millisecond) // a photo of that size takes longer than this
	p.Process.Signal(os.Interrupt)
	p.until(t, "a second Ctrl-C ends at once")
	p.Process.Signal(os.Interrupt)
	if stderr, status := p.end(); !status.Signaled() && status.ExitStatus() != 130 {
		t.Errorf("ended with %v, %s", status, stderr)
	}
	if _, err := os.Stat(db); err == nil {
		storetest.CheckFile(t, db)
	}
}

// someDone reports whether progress tells of photos that are done.
func someDone(lines string) bool {
	for line := range strings.Lines(lines) {
		var e struct{ Done, Total int }
		if json.Unmarshal([]byte(line), &e) == nil && e.Total > 0 && e.Done > 1 {
			return true
		}
	}
	return false
}

func lastObject(t *testing.T, lines string) map[string]any {
	t.Helper()
	var last map[string]any
	for line := range strings.Lines(lines) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if last == nil {
		t.Fatal("no JSON object on standard output")
	}
	return last
}
