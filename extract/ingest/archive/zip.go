package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

type zipFormat struct{ directory []*zip.File }

const encryptedFlag = 1

// zip lists a zip archive.
func (l *lister) zip() error {
	a := l.archive
	r, err := zip.NewReader(a, a.Size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil // such entries are left out one by one
	}
	if err != nil {
		return fmt.Errorf("%w: its directory, which stands at the end, cannot be read: %w", ErrDamaged, err)
	}
	if len(r.File) > MaxEntries {
		return ErrTooMany
	}
	a.format = &zipFormat{r.File}
	var unpacked uint64
	for i, f := range r.File {
		name := f.Name
		if !utf8.ValidString(name) {
			name, _ = charmap.CodePage437.NewDecoder().String(name) // as the format says; it has all bytes
		}
		switch mode := f.Mode(); {
		case strings.HasSuffix(name, "/") || mode.IsDir():
			err = l.folder(name)
		case mode&fs.ModeSymlink != 0:
			err = l.link(name)
		case !mode.IsRegular():
		default:
			unpacked += min(f.UncompressedSize64, 1<<40)
			err = l.add(name, Entry{Size: int64(min(f.UncompressedSize64, 1<<62)), Err: zipProblem(f), at: int64(i)})
		}
		if err != nil {
			return err
		}
	}
	if isBomb(int64(unpacked), a.Size) {
		return ErrBomb
	}
	return nil
}

// zipProblem says why a file cannot be read.
func zipProblem(f *zip.File) error {
	switch {
	case f.Flags&encryptedFlag != 0:
		return ErrEncrypted
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Errorf("%w (method %d)", ErrMethod, f.Method)
	}
	return nil
}

func (z *zipFormat) open(_ *Archive, e *Entry) (io.ReadCloser, error) {
	r, err := z.directory[e.at].Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r, nil
}
