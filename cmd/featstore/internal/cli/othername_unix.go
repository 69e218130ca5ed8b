//go:build unix

package cli

import (
	"io/fs"
	"syscall"
)

// hasOtherName tells whether a file has several names, so that one may be removed.
func hasOtherName(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
