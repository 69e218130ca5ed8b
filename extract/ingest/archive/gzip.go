package archive

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"featstore/extract/userfile"
)

// gzipFormat is a tar archive compressed as a whole. What was read last is kept open, so
// that reading in order reads the file once.
type gzipFormat struct {
	mu     sync.Mutex // held while an entry is open
	stream *gzipStream
}

// A gzipStream is a compressed tar archive that is read from its beginning.
type gzipStream struct {
	file  *os.File
	tar   *tar.Reader
	count *ratioReader
	at    int64 // the number of the header that was read last
}

// A ratioReader ends with ErrBomb where a file unpacks to too much.
type ratioReader struct {
	r              io.Reader
	unpacked, size int64
}

func (r *ratioReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.unpacked += int64(n); isBomb(r.unpacked, r.size) {
		return n, ErrBomb
	}
	return n, err
}

func newGzipStream(f *os.File, size int64) (*gzipStream, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<16))
	if err != nil {
		return nil, err
	}
	count := &ratioReader{z, 0, size}
	return &gzipStream{f, tar.NewReader(count), count, -1}, nil
}

// next goes to the next header.
func (s *gzipStream) next() (*tar.Header, error) {
	h, err := next(s.tar)
	s.at++
	return h, err
}

// gzip lists a tar.gz.
func (l *lister) gzip(f *os.File) error {
	l.archive.format = &gzipFormat{}
	s, err := newGzipStream(f, l.archive.Size)
	if err != nil {
		return l.damaged(err)
	}
	for first := true; ; first = false {
		h, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			if _, err := io.Copy(io.Discard, &ctxReader{l, s.count}); err != nil { // up to the checksum at the end
				return l.damaged(err)
			}
			return nil
		case errors.Is(err, tar.ErrHeader) && first:
			return fmt.Errorf("%w: a file that gzip compressed, but no tar archive", ErrNotArchive)
		case err != nil:
			return l.damaged(err)
		}
		e := Entry{Size: h.Size, at: s.at}
		_, cut := io.Copy(io.Discard, &ctxReader{l, s.tar})
		if cut != nil {
			e.Err = ErrCut
		}
		if err := l.header(h, e); err != nil {
			return err
		}
		if cut != nil {
			return l.damaged(cut)
		}
	}
}

// A ctxReader reads until the lister's context ends it.
type ctxReader struct {
	l *lister
	r io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.l.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (g *gzipFormat) open(a *Archive, e *Entry) (io.ReadCloser, error) {
	g.mu.Lock()
	if err := g.goTo(a, e); err != nil {
		g.reset()
		g.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &gzipEntry{Reader: io.LimitReader(g.stream.tar, e.Size), format: g}, nil
}

// goTo goes to an entry, forwards if it is not behind already.
func (g *gzipFormat) goTo(a *Archive, e *Entry) error {
	if g.stream == nil || g.stream.at >= e.at {
		g.reset()
		f, err := userfile.Open(a.path) // of its own: it stays open between the entries
		if err != nil {
			return err
		}
		if g.stream, err = newGzipStream(f, a.Size); err != nil {
			f.Close()
			return err
		}
	}
	for g.stream.at < e.at {
		if _, err := g.stream.next(); err != nil {
			return err
		}
	}
	return nil
}

func (g *gzipFormat) reset() {
	if g.stream != nil {
		g.stream.file.Close()
		g.stream = nil
	}
}

// Close closes the stream.
func (g *gzipFormat) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reset()
	return nil
}

type gzipEntry struct {
	io.Reader
	format *gzipFormat
	once   sync.Once
}

func (e *gzipEntry) Close() error {
	e.once.Do(e.format.mu.Unlock)
	return nil
}
