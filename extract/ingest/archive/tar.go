package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

type tarFormat struct{}

// tar lists a tar archive.
func (l *lister) tar(f *os.File) error {
	a := l.archive
	a.format = tarFormat{}
	section := io.NewSectionReader(f, 0, a.Size)
	r := tar.NewReader(section)
	for {
		h, err := next(r)
		if errors.Is(err, io.EOF) {
			a.Damage = l.endMark(section)
			return nil
		}
		if err != nil {
			return l.damaged(err)
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		e := Entry{Size: h.Size, at: at}
		if at+h.Size > a.Size {
			e.Err = ErrCut
		}
		if err := l.header(h, e); err != nil {
			return err
		}
	}
}

// next is r.Next, but what a package does not know of a name is not its affair: cleanName
// decides.
func next(r *tar.Reader) (*tar.Header, error) {
	h, err := r.Next()
	if errors.Is(err, tar.ErrInsecurePath) {
		err = nil
	}
	return h, err
}

// damaged notes that the archive cannot be read further. Without any entry that is an
// error.
func (l *lister) damaged(err error) error {
	a := l.archive
	if e := l.ctx.Err(); e != nil {
		return e
	}
	if errors.Is(err, ErrBomb) {
		return err
	}
	a.Damage = fmt.Errorf("%w: %w", ErrDamaged, err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		a.Damage = ErrDamaged
	}
	if len(a.Entries) == 0 {
		return a.Damage
	}
	return nil
}

// endMark looks for the block of zeros that ends an archive.
func (l *lister) endMark(section *io.SectionReader) error {
	const block = 512
	at, err := section.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	last := make([]byte, block)
	if n, _ := section.ReadAt(last, at-block); n == block && bytes.Equal(last, make([]byte, block)) {
		return nil
	}
	return fmt.Errorf("%w: its end mark is missing", ErrDamaged)
}

// header adds what a header stands for.
func (l *lister) header(h *tar.Header, e Entry) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				e.Err = ErrSparse
			}
		}
		return l.add(h.Name, e)
	case tar.TypeGNUSparse:
		e.Err = ErrSparse
		return l.add(h.Name, e)
	case tar.TypeDir:
		return l.folder(h.Name)
	case tar.TypeSymlink, tar.TypeLink:
		return l.link(h.Name)
	}
	return l.ctx.Err() // devices and the like, which tar also knows
}

func (tarFormat) open(a *Archive, e *Entry) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(a, e.at, e.Size)), nil
}
