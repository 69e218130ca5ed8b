package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"featstore/split"
)

// DefaultTimeout is how long Open waits for another process to let go of a store.
const DefaultTimeout = 1500 * time.Millisecond

// Options say how to open a store.
type Options struct {
	ReadOnly bool          // others may read at the same time; nobody writes
	Create   bool          // make the store if there is none
	Policy   *split.Policy // of a store that is made; nil means split.DefaultPolicy
	Timeout  time.Duration // wait for the lock; 0 means DefaultTimeout
}

// Open opens the store at path. Its errors wrap ErrNotExist, ErrLocked,
// ErrNotStore, ErrNewer or ErrCorrupt where one of these is the reason.
func Open(path string, opt Options) (*DB, error) {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	db, err := open(path, opt)
	if err != nil {
		return nil, &storeError{path, err}
	}
	return db, nil
}

func open(path string, opt Options) (*DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && opt.Create && !opt.ReadOnly, err == nil && info.Mode().IsRegular() && info.Size() == 0 && opt.Create && !opt.ReadOnly:
		if err := create(path, opt); err != nil {
			return nil, err
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotExist
	case err != nil:
		return nil, plain(err)
	case info.IsDir():
		return nil, fmt.Errorf("%w: it is a directory", ErrNotStore)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is not a regular file", ErrNotStore)
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrNotStore)
	}
	db := &DB{path: path, readOnly: opt.ReadOnly}
	if err := db.openBolt(opt); err != nil {
		return nil, err
	}
	if err := db.load(); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// openBolt opens the file with bbolt, whatever state the file is in.
func (db *DB) openBolt(opt Options) (err error) {
	defer func() {
		if err != nil && db.file != nil {
			db.file.Close() // after a panic bbolt has not: the lock would stay
		}
	}()
	defer guard(panicOnFault(), &err)
	bopt := &bolt.Options{
		ReadOnly:       opt.ReadOnly,
		Timeout:        opt.Timeout,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		NoStatistics:   true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
			db.file = f
			return f, err
		},
	}
	db.bolt, err = bolt.Open(db.path, 0o644, bopt)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid):
		return ErrNotStore
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: another version of bbolt made it", ErrNotStore)
	}
	return plain(err)
}

// plain takes the path out of an error that will be told with the store's path.
func plain(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return fmt.Errorf("cannot %s it: %w", e.Op, e.Err)
	}
	return err
}
