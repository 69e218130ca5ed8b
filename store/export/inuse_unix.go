//go:build unix && !solaris && !illumos && !aix

package export

import (
	"os"

	"golang.org/x/sys/unix"
)

// markInUse shows that a file is being written, until it is closed or its process ends.
func markInUse(f *os.File) {
	unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) // where there are no locks, inUse says so
}

// inUse tells whether somebody is writing a file, or it cannot be known.
func inUse(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
