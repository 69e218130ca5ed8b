package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// attempts is how often a file that changes while it is read is read again.
const attempts = 3

// racy is how old a file's last change must be for its size and time to vouch
// for its bytes: clocks of file systems tick in steps, and a file changed twice
// within one looks the same. A younger one is recorded so that the next run
// reads it again.
const racy = 20 * time.Millisecond

// read returns the bytes of a file, in buf if they fit, together with the size
// and time that go with exactly these bytes.
func (r *run) read(f file, buf []byte) ([]byte, file, error) {
	if f.err != nil {
		return buf, f, f.err
	}
	abs := filepath.Join(r.list.root, filepath.FromSlash(f.path))
	for range attempts {
		data, size, mtime, err := readStable(abs, buf, r.opt.MaxBytes, !namedAsPhoto(f.path))
		if !errors.Is(err, errChanging) {
			f.size, f.mtime = size, mtime
			return data, f, err
		}
	}
	return buf, f, errChanging
}

// readStable reads a file and returns errChanging if it was changed meanwhile.
func readStable(abs string, buf []byte, limit int64, judge bool) (data []byte, size, mtime int64, err error) {
	h, err := os.Open(abs)
	if err != nil {
		return buf, 0, 0, cause(err)
	}
	defer h.Close()
	before, err := h.Stat()
	if err != nil {
		return buf, 0, 0, cause(err)
	}
	size, mtime = before.Size(), before.ModTime().UnixNano()
	if !before.Mode().IsRegular() {
		return buf, size, mtime, errNotPhoto
	}
	if judge && !startsLikePhoto(h) {
		return buf, size, mtime, errNotPhoto
	}
	if size > limit {
		return buf, size, mtime, fmt.Errorf("the file has %d bytes, more than the %d that are looked into", size, limit)
	}
	data, err = fill(h, buf, int(size))
	if err != nil {
		return data, size, mtime, err
	}
	after, err := h.Stat()
	if err != nil {
		return data, size, mtime, cause(err)
	}
	if after.Size() != size || after.ModTime() != before.ModTime() {
		return data, size, mtime, errChanging
	}
	if time.Since(before.ModTime()) < racy {
		mtime--
	}
	return data, size, mtime, nil
}

// fill reads exactly size bytes; a file that ends before or after that has been
// changed.
func fill(h *os.File, buf []byte, size int) ([]byte, error) {
	if cap(buf) < size+1 {
		buf = make([]byte, size+size/4+1)
	}
	n, err := io.ReadFull(io.NewSectionReader(h, 0, int64(size)+1), buf[:size+1])
	switch {
	case err == nil || n < size && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return buf, errChanging
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return buf[:size], nil
	}
	return buf, cause(err)
}
