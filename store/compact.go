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
// name, mode and owner once it is complete and on disk; until then the old one is
// untouched. Where path is a link its target is rewritten. A store that would not
// become smaller is left as it is. A kill may leave a file <name>.compact-<eight hex
// digits>, which the next process that opens the store for writing removes.
//
// Of opt, only Timeout and Waiting count. Waiting for other processes ends with ctx.
func Compact(ctx context.Context, path string, opt Options) (before, after int64, err error) {
	opt.ReadOnly, opt.Create, opt.Context = false, false, ctx
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	db, err := Open(path, opt)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	info, err := db.file.Stat()
	if err != nil {
		return 0, 0, err
	}
	temp, err := reserveCopy(path, info)
	if err != nil {
		return 0, 0, fmt.Errorf("compacting %s: %w", path, withoutPath(err))
	}
	after, err = db.copyTo(ctx, temp)
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

// reserveCopy makes an empty file for a copy of the store, with its mode and owner.
func reserveCopy(path string, info os.FileInfo) (temp string, err error) {
	f, err := createBeside(path, copyMark, 0o600)
	if err != nil {
		return "", err
	}
	err = errors.Join(keepOwner(f, info), f.Chmod(info.Mode().Perm()), f.Close())
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// copyTo writes all of the store to an empty file and returns its size.
func (db *DB) copyTo(ctx context.Context, temp string) (size int64, err error) {
	defer guard(panicOnFault(), &err)
	if err := db.opt.faultAt("compact: copy"); err != nil {
		return 0, err
	}
	dst, err := bolt.Open(temp, 0o600, &bolt.Options{PageSize: pageSize, NoSync: true, NoFreelistSync: true, Timeout: DefaultTimeout})
	if err != nil {
		return 0, err
	}
	dst.AllocSize = pageSize // grow by what is needed, not to the next power of two
	err = bolt.Compact(dst, db.bolt, compactTx)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = db.opt.faultAt("compact: sync")
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
	if err := db.opt.faultAt("compact: rename"); err != nil {
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
