package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A DB is an open store.
type DB struct {
	path     string
	bolt     *bolt.DB
	file     *os.File // bbolt's own, to let go of the lock when bbolt cannot
	readOnly bool
	created  time.Time
	format   int          // of the file: see schema.go
	pages    *pageChecker // of a reader: see checkPages
	doubt    string       // see Doubt

	opt  Options
	turn turn

	broken atomic.Bool // a write panicked within bbolt: its locks may be held for good

	mu       sync.Mutex
	policy   split.Policy // as of the last commit
	samplers map[*Sampler]bool
	closed   bool
}

// Path returns the path the store was opened by.
func (db *DB) Path() string { return db.path }

// ReadOnly tells whether the store was opened for reading only.
func (db *DB) ReadOnly() bool { return db.readOnly }

// Doubt says, in words, what may be missing although the store opened: one of the
// file's two headers was invalid then, and the older state that the other one gives
// may not be the last. It is empty if all is well. The next commit writes both anew.
func (db *DB) Doubt() string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.doubt
}

// Created returns when the store was made.
func (db *DB) Created() time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.created
}

// Policy returns the rule that assigns splits to digests.
func (db *DB) Policy() split.Policy {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.policy
}

func (db *DB) setPolicy(p split.Policy) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.policy = p
}

// Close ends all samplers, waits for running transactions and closes the store.
func (db *DB) Close() (err error) {
	if err := db.endSamplers(); err != nil {
		db.broken.Store(true)
	}
	if db.broken.Load() {
		// bbolt's Close would wait for locks that nobody will release. The mapping
		// stays until the process ends.
		return errors.Join(db.release(), db.file.Close())
	}
	if db.bolt == nil { // it could not be opened anew: see renew
		return nil
	}
	defer guard(panicOnFault(), &err)
	return db.bolt.Close()
}

// View calls fn with a transaction that reads the store as it is now. Memory that
// the transaction hands out is valid until fn returns. Keep views short while
// others write: pages they can see are not reused.
func (db *DB) View(fn func(*Tx) error) (err error) {
	defer func() { err = db.wrap(err) }()
	if err := db.usable(); err != nil {
		return err
	}
	defer guard(panicOnFault(), &err)
	if err := db.enter(); err != nil {
		return err
	}
	defer db.leave()
	return db.bolt.View(func(b *bolt.Tx) error { return fn(newTx(db, b)) })
}

// Update calls fn with a transaction that may change the store, and commits it if
// fn returns nil: all of its changes are kept, or none. One Update runs at a time;
// others wait.
func (db *DB) Update(fn func(*Tx) error) (err error) {
	defer func() { err = db.wrap(err) }()
	if db.readOnly {
		return ErrReadOnly
	}
	if err := db.usable(); err != nil {
		return err
	}
	defer guard(panicOnFault(), &err)
	if err := db.begin(); err != nil {
		return err
	}
	defer func() {
		if e := db.end(); err == nil {
			err = e
		}
	}()
	b, err := db.bolt.Begin(true)
	if err != nil {
		return err
	}
	return db.commit(b, fn)
}

// commit runs fn and ends b. It does without bolt.DB.Update because that, on a
// panic, rescans a perhaps damaged file in a goroutine where a second panic would
// end the process.
func (db *DB) commit(b *bolt.Tx, fn func(*Tx) error) (err error) {
	committing, done := false, false
	defer func() {
		if done {
			return
		}
		if committing {
			db.broken.Store(true)
			return
		}
		db.broken.Store(true) // stays so if Rollback panics as well
		b.Rollback()
		db.broken.Store(false)
	}()
	tx := newTx(db, b)
	if err = fn(tx); err == nil {
		err = tx.saveCounts()
	}
	if err != nil {
		return err
	}
	if err = db.opt.faultAt("commit"); err != nil {
		return err
	}
	committing = true
	err = b.Commit()
	done = true
	if err == nil && tx.newPolicy != nil {
		db.setPolicy(*tx.newPolicy)
	}
	if err == nil && tx.newFormat > 0 {
		db.format = tx.newFormat
	}
	return err
}

// usable tells whether bbolt can still be asked for anything.
func (db *DB) usable() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return ErrClosed
	}
	if db.broken.Load() {
		return fmt.Errorf("%w: close it", ErrCorrupt)
	}
	return nil
}

func (db *DB) wrap(err error) error { return wrap(db.path, err) }

// wrap says which store an error is about, once.
func wrap(path string, err error) error {
	if err == nil {
		return nil // before anything is allocated: every minibatch comes by here
	}
	var e *storeError
	if errors.As(err, &e) {
		return err
	}
	return &storeError{path, err}
}

// storeError adds the path of the store to an error.
type storeError struct {
	path string
	err  error
}

func (e *storeError) Error() string { return "store " + e.path + ": " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }
