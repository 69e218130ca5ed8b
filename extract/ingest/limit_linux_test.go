package ingest

import (
	"strconv"

	"golang.org/x/sys/unix"
)

const canLimitFileSize = true

// limitFileSize keeps this process from letting any file grow past a number of
// bytes: writing more fails, as on a full disk.
func limitFileSize(bytes string) error {
	if bytes == "" {
		return nil
	}
	n, err := strconv.ParseUint(bytes, 10, 64)
	if err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n})
}
