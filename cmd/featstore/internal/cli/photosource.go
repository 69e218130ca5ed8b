package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"featstore/extract/ingest"
	"featstore/extract/userfile"
)

// stdinArgument stands for standard input among the arguments.
const stdinArgument = "-"

func countStdin(args []string) (n int) {
	for _, a := range args {
		if a == stdinArgument {
			n++
		}
	}
	return n
}

// A photoSource gives the photos that arguments mean, one after another: files, folders,
// standard input, and what arrives in a folder.
type photoSource struct {
	*app
	args    []string
	nul     bool   // standard input is a list of paths that end with NUL
	watch   string // folder to wait for photos in; "" for none
	without string // canonical path of a folder that is not looked into; "" for none

	arrivals *arrivals
	stdin    *bufio.Reader // the photo on standard input
}

// prepare looks at the folder that is watched: what is there now has not arrived. Who also
// gives it as an argument wants those photos too.
func (s *photoSource) prepare() error {
	if s.watch == "" {
		return nil
	}
	if err := findFolder(s.watch); err != nil {
		return err
	}
	watched, err := os.Stat(s.watch)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", s.watch, userfile.WithoutPath(err))
	}
	s.arrivals = newArrivals(s.watch, s.without)
	args := slices.DeleteFunc(slices.Clone(s.args), func(arg string) bool {
		info, err := os.Stat(arg)
		return err == nil && os.SameFile(info, watched)
	})
	if len(args) < len(s.args) {
		s.args = args
		return nil
	}
	return s.arrivals.skipPresent(s.ctx)
}

// waits tells whether the next photo may take any time to come.
func (s *photoSource) waits() bool { return s.watch != "" || slices.Contains(s.args, stdinArgument) }

// photos returns the photos in the order of the arguments, those that arrive last. An error
// is the last thing that it gives.
func (s *photoSource) photos(ctx context.Context) iter.Seq2[ingest.PhotoFile, error] {
	return func(yield func(ingest.PhotoFile, error) bool) {
		do := func(f ingest.PhotoFile) error {
			if !yield(f, nil) {
				return errEnough
			}
			return nil
		}
		if err := s.each(ctx, do); err != nil && !errors.Is(err, errEnough) {
			yield(ingest.PhotoFile{}, err)
		}
	}
}

// errEnough ends a source whose reader wants no more.
var errEnough = errors.New("enough photos")

func (s *photoSource) each(ctx context.Context, do func(ingest.PhotoFile) error) error {
	for _, arg := range s.args {
		var err error
		if arg == stdinArgument {
			err = s.fromStdin(ctx, do)
		} else {
			err = s.from(ctx, arg, do)
		}
		if err != nil {
			return err
		}
	}
	if s.arrivals == nil {
		return nil
	}
	s.say("waiting for photos in %s; Ctrl-C ends it", s.watch)
	return s.arrivals.each(ctx, do)
}

// from gives the photos that a path means. If it does not exist, reading will say so.
func (s *photoSource) from(ctx context.Context, path string, do func(ingest.PhotoFile) error) error {
	if !ingest.HasPhotos(path) {
		return do(ingest.PhotoFile{Path: path})
	}
	return ingest.EachPhoto(ctx, path, s.without, do)
}

// count returns about how many photos there are.
func (s *photoSource) count(ctx context.Context) (total int64, err error) {
	for _, arg := range s.args {
		n := int64(1)
		if ingest.HasPhotos(arg) {
			if n, err = ingest.CountPhotos(ctx, arg); err != nil {
				return 0, err
			}
		}
		total += n
	}
	return total, nil
}

// fromStdin gives the photos whose paths are on standard input, or the photo that is there.
func (s *photoSource) fromStdin(ctx context.Context, do func(ingest.PhotoFile) error) error {
	stream := userfile.Stream(ctx, s.In)
	in := bufio.NewReader(stream)
	list := s.nul
	if !list {
		begin, err := beginning(in)
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		list = isPathList(begin)
	}
	if !list {
		s.stdin = in // who reads the photo closes nothing: the stream ends with ctx or standard input
		return do(ingest.PhotoFile{Path: stdinArgument})
	}
	defer stream.Close()
	end := byte('\n')
	if s.nul {
		end = 0
	}
	return eachPath(in, end, func(path string) error { return s.from(ctx, path, do) })
}

// beginning returns the first bytes of a stream, enough to tell photos from lists, without
// waiting for more than that.
func beginning(in *bufio.Reader) ([]byte, error) {
	const enough = 16
	for n := 1; ; n = in.Buffered() + 1 {
		_, err := in.Peek(n)
		begin, _ := in.Peek(in.Buffered())
		switch {
		case errors.Is(err, io.EOF):
			return begin, nil
		case err != nil:
			return nil, err
		case len(begin) >= enough || bytes.IndexByte(begin, '\n') >= 0:
			return begin, nil
		}
	}
}

// isPathList tells whether standard input is a list of paths, rather than a photo. All
// kinds of photos have control characters among their first bytes, or begin with a byte that no
// path begins with.
func isPathList(begin []byte) bool {
	if len(begin) == 0 || begin[0] == 0x89 || begin[0] == 0xFF {
		return false
	}
	return !bytes.ContainsFunc(begin, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

// mostPath is how long a path on standard input may be, in bytes.
const mostPath = 1 << 16

// eachPath calls do with the paths of a list. Empty ones are left out.
func eachPath(in io.Reader, end byte, do func(path string) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostPath)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, end); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	for lines.Scan() {
		path := lines.Text()
		if end == '\n' && len(path) > 0 && path[len(path)-1] == '\r' {
			path = path[:len(path)-1]
		}
		if path == "" {
			continue
		}
		if err := do(path); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return hint(fmt.Errorf("standard input: a path of more than %d bytes", mostPath), "it takes one path a line, or with -0 paths that end with NUL")
	} else if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return nil
}

// read returns the bytes of a photo.
func (s *photoSource) read(ctx context.Context, f ingest.PhotoFile) ([]byte, error) {
	if f.Path == stdinArgument && s.stdin != nil {
		return ingest.ReadPhotoStream(ctx, s.stdin)
	}
	if f.InArchive() {
		return f.Read(ctx)
	}
	return s.readPhoto(ctx, f.Path)
}
