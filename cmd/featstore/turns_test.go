//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// clusters makes a store of synthetic vectors.
func clusters(t *testing.T, c storetest.Clusters) (path string) {
	t.Helper()
	path = filepath.Join(storetest.Dir(t), "features.db")
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Fill(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// waitFor waits until a process has written text to standard output.
func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(p.out.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q did not come: %s", text, p.out.String())
		}
	}
}

// endless is a training that lasts until something ends it.
func endless(db string) []string {
	return []string{"train", "--steps", "100000000", "--eval-every", "20", "--json", "--store", db}
}

// A store that is cut short beneath a command makes an error, whatever reads it.
func TestCutShortBeneathCommands(t *testing.T) {
	for name, args := range map[string][]string{
		"train":         endless(""),
		"evaluate --cv": {"evaluate", "--cv", "3", "--repeats", "100000", "--kinds", "softmax", "--json", "--store", ""},
	} {
		for _, size := range []int64{0, 8192, 1 << 20} {
			whole := clusters(t, storetest.Clusters{Labels: 4, Images: 300, Dim: 700, Spread: 1})
			db := filepath.Join(filepath.Dir(whole), "damaged.db") // which is not checked in the end
			if err := os.Rename(whole, db); err != nil {
				t.Fatal(err)
			}
			args[len(args)-1] = db
			p := start(t, args...)
			p.waitFor(t, "\n")
			if err := os.Truncate(db, size); err != nil {
				t.Fatal(err)
			}
			stderr, status := p.end()
			if status.Signaled() || status.ExitStatus() != 12 || !strings.Contains(stderr, "damaged") {
				t.Errorf("%s, cut to %d bytes: %v, exit code %d, %s", name, size, status, status.ExitStatus(), stderr)
			}
		}
	}
}

// While a head is trained others may read and write; what they change is told.
func TestTrainLetsOthersIn(t *testing.T) {
	path := clusters(t, storetest.Clusters{Labels: 3, Images: 100, Dim: 50, Spread: 1})
	p := start(t, "train", "--steps", "40000", "--json", "--store", path)
	p.waitFor(t, "validation")
	other, err := store.Open(path, store.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	err = other.Update(func(tx *store.Tx) error {
		d := split.SumBytes([]byte("new"))
		return errors.Join(tx.SetSplit(d, split.Training), tx.PutImage(1, "new.jpg", store.Image{Digest: d, Label: "label00"}),
			tx.PutVector("m", d, make([]float32, 50)))
	})
	if err := errors.Join(err, other.Close()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.out.String(), `"result"`) {
		t.Fatal("the training was over before")
	}
	if stderr, status := p.end(); status.ExitStatus() != 0 {
		t.Fatalf("exit code %d, %s", status.ExitStatus(), stderr)
	}
	if last := lastObject(t, p.out.String()); last["store_changed"] != true {
		t.Errorf("the change was not told: %v", last)
	}
	storetest.CheckFile(t, path)
}

// While photos are ingested others may read.
func TestIngestLetsReadersIn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	photos, db := drawSome(t, 12)
	p := start(t, "ingest", photos, "--store", db, "--size", "640", "--workers", "1", "--json")
	p.waitFor(t, `"event":"progress"`)
	seen := 0
	for !strings.Contains(p.out.String(), `"result"`) {
		q := start(t, "stats", "--json", "--store", db, "--wait", "30s")
		stderr, status := q.end()
		if status.ExitStatus() != 0 {
			t.Fatalf("a reader: exit code %d, %s", status.ExitStatus(), stderr)
		}
		if n := int(lastObject(t, q.out.String())["images"].(float64)); n > 0 && n < 60 {
			seen++
		}
	}
	if seen == 0 {
		t.Error("no reader saw the store while it grew")
	}
	if stderr, status := p.end(); status.ExitStatus() != 0 {
		t.Fatalf("exit code %d, %s", status.ExitStatus(), stderr)
	}
	storetest.CheckFile(t, db)
}

// A folder that goes while it is ingested is told by the exit code.
func TestFolderVanishes(t *testing.T) {
	photos, db := drawSome(t, 6)
	p := start(t, "ingest", photos, "--store", db, "--size", "640", "--workers", "1", "--json")
	p.waitFor(t, `"event":"network"`)
	if err := os.Rename(photos, photos+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if stderr, status := p.end(); status.ExitStatus() != 3 && !strings.Contains(stderr, "no such file") {
		t.Errorf("exit code %d, %s", status.ExitStatus(), stderr)
	}
	if last := lastObject(t, p.out.String()); last["event"] == "result" && last["vanished"] == 0.0 {
		t.Errorf("nothing is told: %v", last)
	}
	if _, err := os.Stat(db); err == nil {
		storetest.CheckFile(t, db)
	}
}

// The first Ctrl-C ends a command that waits for another process.
func TestInterruptWhileWaiting(t *testing.T) {
	path := clusters(t, storetest.Clusters{Labels: 3, Images: 20, Dim: 50, Spread: 1})
	held, let := make(chan bool), make(chan bool)
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	done := make(chan error)
	go func() {
		done <- db.Update(func(*store.Tx) error { close(held); <-let; return nil })
	}()
	<-held
	for _, args := range [][]string{
		{"check"}, {"export", "-o", filepath.Join(storetest.Dir(t), "out")}, {"stats"}, {"compact"}, {"train"}, {"evaluate"},
		{"split", "--salt", "x"}, {"forget", "/synthetic"}, {"models"},
	} {
		p := start(t, append(args, "--wait", "1h", "--store", path)...)
		p.until(t, "waiting for")
		p.Process.Signal(os.Interrupt)
		if stderr, status := p.end(); status.ExitStatus() != 130 {
			t.Errorf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
	}
	close(let)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
