package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"featstore/split"
	"featstore/store/internal/filelock"
)

// DefaultTimeout is how long Open waits for another process to let go of a store.
const DefaultTimeout = 1500 * time.Millisecond

// Options say how to open a store.
type Options struct {
	ReadOnly bool          // others may read at the same time; nobody writes
	Create   bool          // make the store if there is none
	Policy   *split.Policy // of a store that is made; nil means split.DefaultPolicy
	Timeout  time.Duration // wait for the lock; 0 means DefaultTimeout

	// Context, if not nil, ends waits for other processes when it is cancelled: their
	// error is then the context's. Only a change to a store that is open may wait
	// lastWait longer, so that what was computed before is not lost.
	Context context.Context

	// Waiting, if not nil, is called once by each wait for another process that takes
	// longer than two seconds, with the process that holds the store, if that is known.
	Waiting func(holder string)

	fault func(step string) error // of tests: fails steps that write
}

// Open opens the store at path. Its errors wrap ErrNotExist, ErrLocked,
// ErrNotStore, ErrNewer or ErrCorrupt where one of these is the reason.
func Open(path string, opt Options) (*DB, error) {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	db, err := open(path, opt)
	if err != nil {
		return nil, wrap(path, err)
	}
	return db, nil
}

func open(path string, opt Options) (*DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && opt.Create && !opt.ReadOnly,
		err == nil && info.Mode().IsRegular() && info.Size() == 0 && opt.Create && !opt.ReadOnly:
		if err := create(path, opt); err != nil {
			return nil, err
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotExist
	case err != nil:
		return nil, withoutPath(err)
	case info.IsDir():
		return nil, fmt.Errorf("%w: it is a directory", ErrNotStore)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is not a regular file", ErrNotStore)
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrNotStore)
	}
	db := &DB{path: path, readOnly: opt.ReadOnly, opt: opt}
	if err := db.openBolt(opt); err != nil {
		return nil, err
	}
	err = db.load()
	if err == nil && !db.readOnly {
		err = db.upgrade()
	}
	if err == nil {
		err = db.settle()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if !db.readOnly {
		removeUnfinished(path)
	}
	return db, nil
}

// openBolt opens the file with bbolt, once it is locked and known to be safe.
func (db *DB) openBolt(opt Options) (err error) {
	defer func() {
		if err != nil && db.file != nil { // after a panic bbolt has not: the lock would stay
			db.release()
			db.file.Close()
		}
	}()
	defer guard(panicOnFault(), &err)
	db.bolt, err = bolt.Open(db.path, 0o644, &bolt.Options{
		ReadOnly:        opt.ReadOnly,
		Timeout:         opt.Timeout,
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		NoStatistics:    true,
		InitialMmapSize: db.reserve(),
		OpenFile: func(name string, flag int, _ os.FileMode) (*os.File, error) {
			return db.file, db.openFile(name, flag&^os.O_CREATE, opt.until(opt.Timeout))
		},
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return ErrLocked
	}
	if err == nil {
		db.bolt.AllocSize = growBy
	}
	return withoutPath(err)
}

// growBy is how much larger than needed bbolt makes the file when it must grow. Its
// own 16 MB would be most of a store of a thousand photos.
const growBy = 1 << 20

// reserve returns how much address space to map: beyond the file's size for a
// writer, because bbolt cannot map anew while a transaction reads, and would wait
// for ever if that is the writing goroutine's own.
func (db *DB) reserve() int {
	info, err := os.Stat(db.path)
	if err != nil || db.readOnly || strconv.IntSize < 64 || runtime.GOOS == "windows" { // Windows makes the file as large as the map
		return 0
	}
	return int(info.Size()) + 1<<30
}

// openFile opens and locks the file, and looks at its pages before bbolt maps it.
func (db *DB) openFile(name string, flag int, d *deadline) error {
	for {
		f, err := os.OpenFile(name, flag, 0)
		if err != nil {
			return err
		}
		db.file = f
		release, err := db.lockFile(d)
		if err != nil {
			return err
		}
		if same, err := sameFile(f, name); err != nil || !same {
			// Another process has replaced the file (see Compact) while this one waited.
			if f.Close(); err != nil {
				return err
			}
			continue
		}
		return errors.Join(db.checkPages(), release())
	}
}

// lockFile takes all the locks that bbolt needs to open the file.
func (db *DB) lockFile(d *deadline) (release func() error, err error) {
	if db.turn.shared = rangesWork(db.file); db.turn.shared {
		if !db.readOnly {
			if err := waitWriter(db.file, d); err != nil {
				return nil, err
			}
		}
		if _, err := lockByte(db.file, queueByte, false); err != nil {
			return nil, err
		}
		defer unlockByte(db.file, queueByte)
	}
	return waitLock(db.file, !db.readOnly, d)
}

// release gives all locks free. Closing the file would not do that while it is
// mapped.
func (db *DB) release() error {
	if db.turn.shared {
		unlockByte(db.file, writerByte)
		unlockByte(db.file, queueByte)
	}
	return filelock.Unlock(db.file)
}

func sameFile(f *os.File, name string) (bool, error) {
	a, err := f.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Stat(name)
	return err == nil && os.SameFile(a, b), err
}

// checkPages makes sure that bbolt can follow the pages of the locked file. A
// writer, for which bbolt walks all of them anyway, has them checked at once; for a
// reader each bucket's pages are checked when first needed.
func (db *DB) checkPages() error {
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	m, err := readMeta(db.file, info.Size())
	if err != nil {
		return err
	}
	db.turn.seen, db.turn.size = m, info.Size()
	db.mu.Lock()
	db.doubt = m.doubt
	db.mu.Unlock()
	c := newPageChecker(db.file, m)
	if db.readOnly {
		db.pages = c
		return c.once(m.root)
	}
	return c.all()
}

// withoutPath takes the path out of an error that will be told with the store's path.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return fmt.Errorf("cannot %s it: %w", e.Op, e.Err)
	}
	return err
}
