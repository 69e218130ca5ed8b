package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Files beside a store that are not yet complete have these marks in their names.
const (
	newMark  = ".new-"     // a store that is being made
	copyMark = ".compact-" // a copy that Compact writes
)

// abandonedAfter is the age at which a new store is taken for one that a kill has left,
// where the system does not tell whether its maker lives. Making it takes milliseconds.
const abandonedAfter = time.Hour

// createBeside makes a file of its own beside another: <name><mark><eight hex digits>.
// Who may read it follows from the umask.
func createBeside(path, mark string, mode os.FileMode) (*os.File, error) {
	for {
		name := fmt.Sprintf("%s%s%08x", path, mark, rand.Uint32())
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// createOwned is createBeside for a file that others can tell is in use, by the lock
// that a store's writer holds. Where there is no such lock it is closed.
func createOwned(path, mark string, mode os.FileMode) (*os.File, error) {
	for {
		f, err := createBeside(path, mark, mode)
		if err != nil {
			return nil, err
		}
		if !rangesWork(f) {
			return f, f.Close()
		}
		ok, err := lockByte(f, writerByte, true)
		if err == nil && ok {
			if ok, err = sameFile(f, f.Name()); err == nil && ok {
				return f, nil
			}
		}
		f.Close() // another process took it for abandoned before it was locked
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			os.Remove(f.Name())
			return nil, err
		}
	}
}

// removeUnfinished removes what kills have left beside the store at path, which this
// process has open for writing. Nobody else can be making a copy of it then; a new
// store may still be another process's. A file of such a name that is no store stays.
//
// Nothing depends on it, so what cannot be removed stays too: the next writer tries
// again.
func removeUnfinished(path string) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir, name := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		switch rest, ok := strings.CutPrefix(e.Name(), name); {
		case !ok || !e.Type().IsRegular():
		case marked(rest, copyMark):
			if f, err := openUnfinished(at); err == nil {
				f.Close()
				os.Remove(at)
			}
		case marked(rest, newMark):
			removeAbandoned(at, path)
		}
	}
}

// marked tells whether rest is a mark and what createBeside puts behind it.
func marked(rest, mark string) bool {
	digits, ok := strings.CutPrefix(rest, mark)
	_, err := strconv.ParseUint(digits, 16, 32)
	return ok && len(digits) == 8 && err == nil
}

// removeAbandoned removes a new store that nobody is making any more.
func removeAbandoned(at, store string) {
	f, err := openUnfinished(at)
	if err != nil {
		return
	}
	defer f.Close() // and its lock, after the file is gone: see createOwned
	if is, err := sameFile(f, store); err == nil && is {
		os.Remove(at) // the store has its name already
		return
	}
	if !rangesWork(f) {
		if info, err := f.Stat(); err == nil && time.Since(info.ModTime()) > abandonedAfter {
			f.Close() // Windows removes no open file
			os.Remove(at)
		}
		return
	}
	if ok, err := lockByte(f, writerByte, true); err == nil && ok {
		os.Remove(at)
	}
}

// openUnfinished opens a bbolt file, or the empty beginning of one. Others are an error.
func openUnfinished(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		_, err = metaAt(f, 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
