package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"featstore/extract/userfile"
)

// An Entry is a file in an archive.
type Entry struct {
	Name string // slash-separated, never leads out of the archive
	Size int64  // as the archive says
	Err  error  // why it cannot be read; nil if it can be, as far as is known

	at int64 // zip: its number in the directory; tar: where its bytes begin; tar.gz: its number
}

// A LeftOut is an entry that is no file to be read.
type LeftOut struct {
	Name string
	Err  error
}

// An Archive is an archive whose directory has been read. Its methods may be called by several
// goroutines. The file is open only while something is read.
type Archive struct {
	Entries []Entry   // in the archive's order
	Folders []string  // that have an entry of their own
	LeftOut []LeftOut // links, and files that a later one replaces
	Damage  error     // why what comes behind the entries cannot be read; nil if all is well

	Size    int64 // of its file
	ModTime time.Time

	path   string
	format format

	mu    sync.Mutex
	file  *os.File
	users int
}

// A format is a kind of archive.
type format interface {
	// open returns the bytes of an entry, whose end is an error if they are fewer than its size.
	open(a *Archive, e *Entry) (io.ReadCloser, error)
}

// Is tells whether a file begins as an archive does, or is named as one.
func Is(path string) bool {
	if Named(path) {
		return true
	}
	f, err := userfile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, 512)
	n, _ := io.ReadFull(f, begin)
	return kindOf(begin[:n]) != kindNone
}

// Named tells whether a file has the name of an archive.
func Named(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{".zip", ".tar", ".tar.gz", ".tgz"}, func(ext string) bool { return strings.HasSuffix(name, ext) })
}

// Stem is a name without the extension of an archive.
func Stem(name string) string {
	for _, ext := range []string{".zip", ".tar.gz", ".tgz", ".tar"} {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			return name[:n]
		}
	}
	return name
}

type kind int

const (
	kindNone kind = iota
	kindZip
	kindTar
	kindGzip
)

// kindOf tells what a file is by its first bytes.
func kindOf(begin []byte) kind {
	switch {
	case bytes.HasPrefix(begin, []byte("PK\x03\x04")), bytes.HasPrefix(begin, []byte("PK\x05\x06")):
		return kindZip
	case bytes.HasPrefix(begin, []byte("\x1f\x8b\x08")):
		return kindGzip
	case len(begin) >= 262 && string(begin[257:262]) == "ustar":
		return kindTar
	}
	return kindNone
}

// Open reads the directory of an archive. found is called for each entry. ctx ends it.
func Open(ctx context.Context, path string, found func()) (*Archive, error) {
	a := &Archive{path: path}
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer a.release()
	begin := make([]byte, 512)
	n, err := f.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, userfile.WithoutPath(err)
	}
	l := &lister{ctx: ctx, archive: a, found: found, at: map[string]int{}}
	switch kindOf(begin[:n]) {
	case kindZip:
		err = l.zip()
	case kindGzip:
		err = l.gzip(f)
	case kindTar:
		err = l.tar(f)
	default:
		if err = ErrNotArchive; strings.HasSuffix(strings.ToLower(path), ".tar") {
			err = l.tar(f) // of the time before there was a mark
		}
	}
	if err != nil {
		return nil, err
	}
	l.dropReplaced()
	return a, nil
}

// Sequential tells whether the entries are read fast only in their order.
func (a *Archive) Sequential() bool {
	_, is := a.format.(*gzipFormat)
	return is
}

// acquire opens the file, if nobody else has it open, and makes sure that it is the one that
// was opened first.
func (a *Archive) acquire() (*os.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		f, err := userfile.Open(a.path)
		if err != nil {
			return nil, err
		}
		a.file = f
	}
	if err := a.check(); err != nil {
		if a.users == 0 {
			a.file.Close()
			a.file = nil
		}
		return nil, err
	}
	a.users++
	return a.file, nil
}

// check compares the file with what it was when it was opened first. a.mu is held.
func (a *Archive) check() error {
	info, err := a.file.Stat()
	if err != nil {
		return userfile.WithoutPath(err)
	}
	if a.ModTime.IsZero() {
		a.Size, a.ModTime = info.Size(), info.ModTime()
	}
	if a.Size != info.Size() || !a.ModTime.Equal(info.ModTime()) {
		return ErrChanged
	}
	return nil
}

// release closes the file when the last one is done with it. It returns ErrChanged if the
// file was changed meanwhile.
func (a *Archive) release() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.check()
	if a.users--; a.users == 0 {
		a.file.Close()
		a.file = nil
	}
	return err
}

// ReadAt reads from the file, which is open.
func (a *Archive) ReadAt(p []byte, at int64) (int, error) {
	a.mu.Lock()
	f := a.file
	a.mu.Unlock()
	if f == nil {
		return 0, fs.ErrClosed
	}
	return f.ReadAt(p, at)
}

// OpenEntry opens an entry, by its number, for reading. Close returns ErrChanged if the
// archive was changed meanwhile.
func (a *Archive) OpenEntry(i int) (io.ReadCloser, error) {
	e := &a.Entries[i]
	if e.Err != nil {
		return nil, e.Err
	}
	if _, err := a.acquire(); err != nil {
		return nil, err
	}
	r, err := a.format.open(a, e)
	if err != nil {
		return nil, errors.Join(err, a.release())
	}
	return &entryReader{r, a}, nil
}

type entryReader struct {
	io.ReadCloser
	archive *Archive
}

func (r *entryReader) Close() error { return errors.Join(r.ReadCloser.Close(), r.archive.release()) }

// Close frees what reading in order keeps.
func (a *Archive) Close() error {
	if c, ok := a.format.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// A lister reads the directory of an archive.
type lister struct {
	ctx     context.Context
	archive *Archive
	found   func()
	at      map[string]int // of a name among the entries
	dropped map[int]bool
}

// add adds an entry. A later one of the same name replaces it, as it would when unpacked.
func (l *lister) add(name string, e Entry) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	a := l.archive
	if len(a.Entries)+len(a.LeftOut) >= MaxEntries {
		return ErrTooMany
	}
	var err error
	if e.Name, err = cleanName(name); err != nil {
		a.LeftOut = append(a.LeftOut, LeftOut{strings.ToValidUTF8(name, "�"), err})
		return nil
	}
	if before, ok := l.at[e.Name]; ok {
		if l.dropped == nil {
			l.dropped = map[int]bool{}
		}
		l.dropped[before] = true
		a.LeftOut = append(a.LeftOut, LeftOut{e.Name, errReplaced})
	}
	l.at[e.Name] = len(a.Entries)
	a.Entries = append(a.Entries, e)
	l.found()
	return nil
}

// folder notes a folder.
func (l *lister) folder(name string) error {
	if len(l.archive.Folders) >= MaxEntries {
		return ErrTooMany
	}
	if name, err := cleanName(name); err == nil && name != "." {
		l.archive.Folders = append(l.archive.Folders, name)
	}
	return l.ctx.Err()
}

func (l *lister) link(name string) error {
	if len(l.archive.LeftOut) >= MaxEntries {
		return ErrTooMany
	}
	if clean, err := cleanName(name); err == nil {
		name = clean
	}
	l.archive.LeftOut = append(l.archive.LeftOut, LeftOut{name, errLink})
	return l.ctx.Err()
}

func (l *lister) dropReplaced() {
	if len(l.dropped) == 0 {
		return
	}
	a := l.archive
	kept := a.Entries[:0]
	for i, e := range a.Entries {
		if !l.dropped[i] {
			kept = append(kept, e)
		}
	}
	a.Entries = kept
}

// cleanName is the path of an entry within the archive. Absolute paths begin there, as they do
// when they are unpacked.
func cleanName(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("%w: it has a NUL byte", ErrUnsafe)
	}
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, `\`, "/") // written on Windows, against the format
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", ErrUnsafe
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" {
		return ".", nil
	}
	return clean, nil
}
