//go:build !unix

package store

import "os"

// mapFile maps the beginning of a file for reading. What cannot be mapped is nil.
func mapFile(*os.File, int64) (data []byte, unmap func()) { return nil, func() {} }
