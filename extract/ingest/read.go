package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"featstore/extract/userfile"
)

// attempts is how often a file that changes while it is read is read again.
const attempts = 3

// tick is more than a step of a file system's clock. A file that is changed twice within
// one step keeps its time, so reading waits until the last change is that long ago: any
// later change then shows.
const tick = 12 * time.Millisecond

// read returns the bytes of a file, in buf if they fit, together with the size
// and time that go with exactly these bytes.
func (r *run) read(f file, buf []byte) ([]byte, file, error) {
	if f.err != nil {
		return buf, f, f.err
	}
	if f.in != nil {
		return f.in.read(f, buf, r.opt.MaxBytes)
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
	h, err := userfile.Open(abs)
	if errors.Is(err, userfile.ErrKind) {
		return buf, 0, 0, errNotPhoto // since the folder was listed
	}
	if err != nil {
		return buf, 0, 0, err
	}
	defer h.Close()
	before, err := settled(h)
	if err != nil {
		return buf, 0, 0, userfile.WithoutPath(err)
	}
	size, mtime = before.Size(), before.ModTime().UnixNano()
	if judge && !startsLikePhoto(h) {
		return buf, size, mtime, errNotPhoto
	}
	if size > limit {
		return buf, size, mtime, fmt.Errorf("the file has %d bytes, more than the %d that a photo may have", size, limit)
	}
	data, err = fill(h, buf, int(size))
	if err != nil {
		return data, size, mtime, err
	}
	after, err := h.Stat()
	if err != nil {
		return data, size, mtime, userfile.WithoutPath(err)
	}
	if after.Size() != size || after.ModTime() != before.ModTime() {
		return data, size, mtime, errChanging
	}
	return data, size, mtime, nil
}

// settled returns what is known of a file once its last change is a tick ago.
func settled(h *os.File) (os.FileInfo, error) {
	info, err := h.Stat()
	if err != nil {
		return nil, err
	}
	if age := time.Since(info.ModTime()); age >= 0 && age < tick {
		time.Sleep(tick - age)
		return h.Stat()
	}
	return info, nil
}

// mostReused is how large a buffer may be that is kept for the next file.
const mostReused = 32 << 20

// reusable returns the buffer for the next file, or none where keeping it would cost
// every worker the size of the largest file that it ever saw.
func reusable(buf []byte) []byte {
	if cap(buf) > mostReused {
		return nil
	}
	return buf
}

// room returns a buffer of more than size bytes, buf if it is large enough.
func room(buf []byte, size int) []byte {
	if cap(buf) > size {
		return buf[:cap(buf)]
	}
	more := size/4 + 1 // for somewhat larger ones to come
	if size > mostReused/2 {
		more = 1
	}
	return make([]byte, size+more)
}

// fill reads exactly size bytes; a file that ends before or after that has been
// changed.
func fill(h *os.File, buf []byte, size int) ([]byte, error) {
	buf = room(buf, size)
	n, err := io.ReadFull(io.NewSectionReader(h, 0, int64(size)+1), buf[:size+1])
	switch {
	case err == nil || n < size && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return buf, errChanging
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return buf[:size], nil
	}
	return buf, userfile.WithoutPath(err)
}
