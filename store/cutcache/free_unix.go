//go:build linux || darwin

package cutcache

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes returns how much may still be written to the disk that holds path; as good
// as unlimited where the system does not tell.
func freeBytes(path string) uint64 {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil {
		return math.MaxUint64
	}
	return fs.Bavail * uint64(fs.Bsize)
}
