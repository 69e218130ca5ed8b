//go:build unix

package store

import (
	"fmt"
	"os"
	"syscall"
)

// keepOwner gives f the owner and group of another file.
func keepOwner(f *os.File, of os.FileInfo) error {
	want, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return fmt.Errorf("a new file cannot have its owner, so only that one can compact it: %w", withoutPath(err))
	}
	return nil
}
