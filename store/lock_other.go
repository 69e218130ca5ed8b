//go:build (!unix && !windows) || solaris || illumos || aix

package store

import "os"

// tryLock does nothing here: bbolt locks the file right afterwards.
func tryLock(*os.File, bool) (ok bool, release func() error, err error) {
	return true, func() error { return nil }, nil
}

// unlock does nothing here: closing the file frees the lock.
func unlock(*os.File) error { return nil }
