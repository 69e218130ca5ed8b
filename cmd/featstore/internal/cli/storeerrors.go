package cli

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"featstore/store"
	"featstore/train"
)

// storeExitCode maps the store's own errors to exit codes.
func storeExitCode(err error) int {
	switch {
	case errors.Is(err, store.ErrNotExist):
		return exitNoStore
	case errors.Is(err, store.ErrLocked):
		return exitStoreInUse
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrNotStore), errors.Is(err, train.ErrHeadCorrupt):
		return exitCorrupt
	case errors.Is(err, train.ErrConfig), errors.Is(err, train.ErrUnknownKind):
		return exitUsage
	}
	return exitFailure
}

// storeHint says what to do about errors that any command can meet.
func (a *app) storeHint(err error) string {
	switch {
	case errors.Is(err, store.ErrNotExist):
		return a.text("make one with: %s, or name another with --store", run("ingest", "FOLDER"))
	case errors.Is(err, store.ErrLocked):
		return "wait until the other featstore is done, or let this one wait for it: --wait 10m; one process may write at a time"
	case errors.Is(err, store.ErrStale):
		return "another featstore changed the store meanwhile: run the same command again"
	case errors.Is(err, store.ErrCorrupt):
		return a.text("%s says what is damaged; the photos are untouched: delete the file and ingest them again", run("check"))
	case errors.Is(err, store.ErrNotStore):
		return "name the store's file with --store; this one has not been touched"
	}
	return ""
}

// openStore opens the store for reading, or for writing with create saying
// whether it may be made.
func (a *app) openStore(opt store.Options) (*store.DB, error) {
	db, err := store.Open(a.store, a.patient(opt))
	if err == nil && db.Doubt() != "" {
		a.warnAside("store %s: %s", a.store, db.Doubt())
	}
	return db, err
}

// patient adds how long to wait for other processes, and tells the user of it.
func (a *app) patient(opt store.Options) store.Options {
	opt.Context = a.ctx
	opt.Timeout = max(a.wait, time.Millisecond)
	opt.Waiting = func(holder string) {
		if holder == "" {
			holder = "another process"
		} else {
			holder = "process " + holder
		}
		a.say("waiting for %s, which holds the store %s", holder, a.store)
	}
	return opt
}

// withStore opens the store, calls do and closes it again. An error on closing
// counts only if there is no other.
func (a *app) withStore(opt store.Options, do func(*store.DB) error) (err error) {
	db, err := a.openStore(opt)
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	return do(db)
}

// withNewStore is withStore for a command that makes a store where there is none. One
// that was made and got no image is taken away again.
func (a *app) withNewStore(do func(*store.DB) error) error {
	_, err := os.Lstat(a.store)
	isNew := errors.Is(err, fs.ErrNotExist)
	return a.withStore(store.Options{Create: true}, func(db *store.DB) error {
		err := do(db)
		if s, e := db.Stats(); isNew && e == nil && s.Images == 0 {
			// While it is locked, so that nobody else has begun to fill it.
			_ = os.Remove(a.store)
		}
		return err
	})
}
