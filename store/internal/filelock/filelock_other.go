//go:build (!unix && !windows) || solaris || illumos || aix

package filelock

import "os"

// Try does nothing here: bbolt locks the file right afterwards.
func Try(*os.File, bool) (ok bool, release func() error, err error) {
	return true, func() error { return nil }, nil
}

// Unlock does nothing here: closing the file frees the lock.
func Unlock(*os.File) error { return nil }
