package cutcache

import (
	"math"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// freeBytes returns how much may still be written to the disk that holds path; as good
// as unlimited where the system does not tell.
func freeBytes(path string) uint64 {
	dir, err := windows.UTF16PtrFromString(filepath.Dir(path))
	if err != nil {
		return math.MaxUint64
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(dir, &free, nil, nil) != nil {
		return math.MaxUint64
	}
	return free
}
