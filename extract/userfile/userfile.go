// Package userfile reads the files that a user names: photos, networks and what lies
// beside them, lists. Whatever a name leads to, reading it ends soon and takes bounded
// memory:
//
//   - Only regular files are opened, also at the end of a symbolic link. A named pipe or
//     a device may give bytes for ever, or none for ever; it is refused by name, and
//     opening it does not wait. What a user wants to pipe in goes to standard input.
//   - No more than a limit is read, whatever size the file says it has: those below
//     /proc say 0, and a file may grow while it is read.
//   - A cancelled context ends reading, also from a standard input that never gives a byte.
//
// Errors do not repeat the file's name: the caller says which file it was for.
package userfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrKind: the name does not lead to a regular file. Errors that wrap it say what is
// there instead.
var ErrKind = errors.New("not a regular file")

// ErrTooLarge: the file is larger than such files are read.
var ErrTooLarge = errors.New("too large")

// Open opens a regular file for reading. Anything else is an error that wraps ErrKind,
// or one of the operating system's without the path.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // opening a device can have effects
	if err == nil {
		err = kindError(info)
	}
	if err != nil {
		return nil, WithoutPath(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, WithoutPath(err)
	}
	if info, err = f.Stat(); err == nil {
		err = kindError(info) // it may be another file by now
	}
	if err != nil {
		f.Close()
		return nil, WithoutPath(err)
	}
	return f, nil
}

// Read returns the contents of a regular file of at most most bytes.
func Read(ctx context.Context, path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFile(ctx, f, most)
}

// ReadFS is Read in a file system.
func ReadFS(ctx context.Context, fsys fs.FS, name string, most int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err == nil {
		err = kindError(info)
	}
	if err != nil {
		return nil, WithoutPath(err)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, WithoutPath(err)
	}
	defer f.Close()
	return ReadFile(ctx, f, most)
}

// ReadFile returns the rest of an open file, which is regular, of at most most bytes.
func ReadFile(ctx context.Context, f fs.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, WithoutPath(err)
	}
	if err := CheckSize(info.Size(), most); err != nil {
		return nil, err
	}
	data, err := readAll(ctx, f, info.Size(), most)
	return data, WithoutPath(err)
}

// CheckSize returns an error that wraps ErrTooLarge if size is beyond most.
func CheckSize(size, most int64) error {
	if size <= most {
		return nil
	}
	return fmt.Errorf("the file has %d bytes, at most %d are read: %w", size, most, ErrTooLarge)
}

// ReadStream reads a standard input to its end, at most most bytes of it, or until ctx is
// cancelled: see Stream.
func ReadStream(ctx context.Context, r io.Reader, most int64) ([]byte, error) {
	stream := Stream(ctx, r)
	defer stream.Close()
	data, err := readAll(ctx, stream, 0, most)
	return data, WithoutPath(err)
}

// Stream returns a reader of r whose reads return ctx's error once it is cancelled, even
// if r gives nothing. Nothing can end a read from a terminal: what still waits for r then
// ends with the process, and r must not be used again.
func Stream(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(in, r)
		stop()
		in.CloseWithError(err)
	}()
	return out
}

// OpenList opens what may be read at any length, a line at a time: a regular file, or
// standard input where the name is "-". Reads return ctx's error once it is cancelled.
func OpenList(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return Stream(ctx, stdin), nil
	}
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	return &cancelled{ctx, f}, nil
}

// cancelled is a file whose reads end with a context.
type cancelled struct {
	ctx context.Context
	*os.File
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.File.Read(p)
	return n, WithoutPath(err)
}

// chunk is how much is read between two looks at the context.
const chunk = 1 << 20

// readAll reads to the end. size is only a guess.
func readAll(ctx context.Context, r io.Reader, size, most int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(size) + bytes.MinRead)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := io.CopyN(&b, r, min(chunk, most+1-int64(b.Len())))
		switch {
		case int64(b.Len()) > most:
			return nil, fmt.Errorf("more than %d bytes: %w", most, ErrTooLarge)
		case errors.Is(err, io.EOF):
			return b.Bytes(), nil
		case err != nil:
			return nil, err
		case n == 0:
			return nil, io.ErrNoProgress
		}
	}
}

// kindError says what is there if it is not a regular file.
func kindError(info fs.FileInfo) error {
	mode := info.Mode()
	what := "it is of an unknown kind"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "it is a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "it is a pipe; save what comes out of it in a file"
	case mode&fs.ModeSocket != 0:
		what = "it is a socket"
	case mode&fs.ModeDevice != 0:
		what = "it is a device"
	}
	return fmt.Errorf("%w: %s", ErrKind, what)
}

// WithoutPath drops the operation and path that package os puts before an error, for
// messages that name the file themselves.
func WithoutPath(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
