package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	bolt "go.etcd.io/bbolt"
)

// compactTx is how many bytes are copied in one transaction.
const compactTx = 64 << 20

// Compact rewrites the store at path without the free space that deleting leaves
// within, and returns its size before and after. The new file takes the old one's
// name once it is complete and on disk; until then the old one is untouched. A store
// that would not become smaller is left as it is. A kill may leave a file
// <name>.compact, which the next Compact overwrites.
//
// Of opt, only Timeout and Waiting count.
func Compact(ctx context.Context, path string, opt Options) (before, after int64, err error) {
	opt.ReadOnly, opt.Create = false, false
	db, err := Open(path, opt)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	info, err := db.file.Stat()
	if err != nil {
		return 0, 0, err
	}
	temp := path + ".compact"
	after, err = db.copyTo(ctx, temp, info.Mode().Perm())
	if err == nil && after >= info.Size() {
		return info.Size(), info.Size(), os.Remove(temp) // nothing to give back
	}
	if err == nil {
		err = db.replaceBy(temp)
	}
	if err != nil {
		os.Remove(temp)
		return info.Size(), 0, fmt.Errorf("compacting %s: %w", path, withoutPath(err))
	}
	return info.Size(), after, nil
}

// copyTo writes all of the store to a new file and returns its size.
func (db *DB) copyTo(ctx context.Context, temp string, mode os.FileMode) (size int64, err error) {
	defer guard(panicOnFault(), &err)
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	if err := db.faultAt("compact: copy"); err != nil {
		return 0, err
	}
	dst, err := bolt.Open(temp, mode, &bolt.Options{PageSize: pageSize, NoSync: true, NoFreelistSync: true, Timeout: DefaultTimeout})
	if err != nil {
		return 0, err
	}
	dst.AllocSize = pageSize // grow by what is needed, not to the next power of two
	err = bolt.Compact(dst, db.bolt, compactTx)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = db.faultAt("compact: sync")
	}
	if err == nil {
		err = dst.Sync()
	}
	if err := errors.Join(err, dst.Close()); err != nil {
		return 0, err
	}
	info, err := os.Stat(temp)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// replaceBy gives the store's name to another file while the store is locked, so
// that nobody writes to the old file in between: Open looks again after a wait.
func (db *DB) replaceBy(temp string) error {
	if err := db.faultAt("compact: rename"); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // an open file keeps its name there
		if err := db.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(temp, db.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(db.path))
}

// syncDir makes a new name in a folder last. Some systems cannot, and need not.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	d.Sync()
	return nil
}
