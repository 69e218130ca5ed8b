//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the beginning of a file for reading. What cannot be mapped is nil.
func mapFile(f *os.File, size int64) (data []byte, unmap func()) {
	if size != int64(int(size)) {
		return nil, func() {}
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, func() {}
	}
	return data, func() { _ = unix.Munmap(data) } // it fails only for what is not mapped
}
