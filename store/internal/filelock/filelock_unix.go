//go:build unix && !solaris && !illumos && !aix

package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Try takes bbolt's lock on f, shared by readers, without waiting. bbolt takes
// it once more on the same file, which changes nothing. release is for locks that
// must be free before bbolt takes its own.
func Try(f *os.File, exclusive bool) (ok bool, release func() error, err error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil, nil
	}
	return err == nil, func() error { return nil }, err
}

// Unlock frees bbolt's lock. Closing f would not do that while it is mapped.
func Unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
