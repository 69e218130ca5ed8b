//go:build !unix

package cli

import "io/fs"

// hasOtherName is not known here.
func hasOtherName(fs.FileInfo) bool { return false }
