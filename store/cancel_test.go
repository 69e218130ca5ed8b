package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A cancelled context ends every wait for another process: on opening, and for a
// transaction of a store that is open.
func TestCancelWhileWaiting(t *testing.T) {
	takesTurns(t)
	for name, c := range map[string]struct {
		other string // what the other process does
		opt   store.Options
		use   func(db *store.DB) error // nil: the wait is in opening
	}{
		"open for reading": {other: "busy", opt: store.Options{ReadOnly: true}},
		"open for writing": {other: "hold"},
		"read": {other: "busy", opt: store.Options{ReadOnly: true}, use: func(db *store.DB) error {
			return db.View(func(*store.Tx) error { return nil })
		}},
		"check": {other: "busy", opt: store.Options{ReadOnly: true}, use: func(db *store.DB) error {
			_, err := db.Check(context.Background(), nil)
			return err
		}},
		"write": {other: "reading", use: func(db *store.DB) error {
			return db.Update(func(*store.Tx) error { return nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := fill(t)
			t.Cleanup(func() { storetest.CheckFile(t, path) })
			ctx, cancel := context.WithCancel(t.Context())
			opt := c.opt
			opt.Context, opt.Timeout = ctx, time.Hour
			opt.Waiting = func(string) { cancel() }
			var db *store.DB
			if c.use != nil {
				var err error
				if db, err = store.Open(path, opt); err != nil {
					t.Fatal(err)
				}
				defer db.Close()
			}
			other, out := child(t, c.other, path)
			if line, err := out.ReadString('\n'); line != "open\n" {
				t.Fatal(line, err)
			}
			err := error(nil)
			if c.use != nil {
				err = c.use(db)
			} else if db, err = store.Open(path, opt); err == nil {
				db.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("while another process has the store: %v", err)
			}
			other.Process.Kill()
			other.Wait()
			if c.use != nil { // what was cancelled is still of use
				if err := c.use(db); err != nil {
					t.Errorf("after the other process: %v", err)
				}
			}
		})
	}
}

// A change that waits when the context is cancelled still gets its turn if that comes
// soon: what was computed is kept.
func TestLastTurn(t *testing.T) {
	takesTurns(t)
	path := fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	var other *exec.Cmd
	opt := store.Options{Context: ctx}
	opt.Waiting = func(string) {
		cancel()
		time.AfterFunc(100*time.Millisecond, func() { other.Process.Kill() })
	}
	db, err := store.Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	var out *bufio.Reader
	other, out = child(t, "reading", path)
	if line, err := out.ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	err = db.Update(func(tx *store.Tx) error { return tx.SetSplit(largeModel.Digest(0, 0), split.Testing) })
	if err != nil || ctx.Err() == nil {
		t.Errorf("%v, the context's error is %v", err, ctx.Err())
	}
}

// holdView holds a transaction that reads a store.
func holdView(path string) {
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	db.View(func(*store.Tx) error {
		fmt.Println("open")
		time.Sleep(time.Minute)
		return nil
	})
}
