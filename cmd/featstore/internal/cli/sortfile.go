package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"featstore/extract/ingest"
	"featstore/extract/userfile"
	"featstore/split"
)

// A photoProblem is why one photo cannot be put into its folder: others may.
type photoProblem struct{ error }

func (p photoProblem) Unwrap() error { return p.error }

// Why photos cannot be sorted.
var (
	errInArchive  = errors.New("a photo in an archive can only be copied: --by copy")
	errNoName     = errors.New("a photo on standard input has no name")
	errLinkedFile = errors.New("it is a symbolic link, which moving would break: --by link or copy")
	errOtherBytes = errors.New("it changed after it was looked at: run the same command again")
	errAllTaken   = errors.New("other files have all the names that it could have there")
)

// A sorting is one photo on its way into its folder.
type sorting struct {
	*sorter
	ctx    context.Context
	photo  ingest.PhotoFile
	digest split.Digest
	folder string // where it belongs
	source string // its absolute path
}

// place puts the photo into its folder, under the first of its names that no other file has.
func (m *sorting) place() (name string, how sortedHow, err error) {
	if m.photo.Path == stdinArgument {
		return "", "", photoProblem{errNoName}
	}
	if m.photo.InArchive() && m.by != sortByCopy {
		return "", "", photoProblem{errInArchive}
	}
	if m.source, err = filepath.Abs(m.photo.Path); err != nil {
		return "", "", err
	}
	if m.photo.InArchive() {
		// there is nothing to look at
	} else if info, err := os.Lstat(m.source); err != nil {
		return "", "", photoProblem{userfile.WithoutPath(err)}
	} else if info.Mode()&fs.ModeSymlink != 0 && m.by == sortByMove {
		return "", "", photoProblem{errLinkedFile}
	}
	for _, name := range m.names() {
		how, err := m.under(name)
		if !errors.Is(err, fs.ErrExist) {
			return name, how, err
		}
	}
	return "", "", photoProblem{errAllTaken}
}

// names are those that the photo may get: its own and, if that is taken, with the beginning of
// its digest, or all of it.
func (m *sorting) names() []string {
	own := filepath.Base(m.source)
	ext := filepath.Ext(own)
	stem, digest := strings.TrimSuffix(own, ext), m.digest.String()
	return []string{own, stem + "-" + digest[:8] + ext, stem + "-" + digest + ext}
}

// under puts the photo into its folder under a name. The error is fs.ErrExist if another file
// has the name.
func (m *sorting) under(name string) (sortedHow, error) {
	to := filepath.Join(m.folder, name)
	is, err := os.Lstat(to)
	switch {
	case err == nil:
		return m.meet(to, is)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	case !m.yes && !m.plan(to):
		return "", fs.ErrExist
	case !m.yes:
		return sortWould, nil
	}
	if err := os.MkdirAll(m.folder, 0o777); err != nil {
		return "", err
	}
	return sortDone, m.put(to)
}

func (m *sorting) put(to string) error {
	switch m.by {
	case sortByLink:
		return os.Symlink(m.source, to)
	case sortByCopy:
		return m.copy(to)
	}
	// A second name, and then the first one away: nothing is overwritten, and an end between
	// the two leaves the photo under both.
	err := os.Link(m.source, to)
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if err != nil { // another file system, or one without such names
		if err := m.copy(to); err != nil {
			return err
		}
	}
	return m.remove()
}

// meet looks at the file that has the name already: if it is the photo, all is done but
// perhaps the removal of the one that is moved.
func (m *sorting) meet(to string, is fs.FileInfo) (sortedHow, error) {
	if is.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(to); err == nil && target == m.source && m.by == sortByLink || samePlace(to, m.source) {
			return sortBefore, nil
		}
		return "", fs.ErrExist
	}
	if m.photo.InArchive() {
		return m.meetCopy(to, is, m.photo.Size)
	}
	source, err := os.Stat(m.source)
	if err != nil {
		return "", photoProblem{userfile.WithoutPath(err)}
	}
	if os.SameFile(source, is) {
		if m.by == sortByMove && m.yes && hasOtherName(is) && !samePlace(to, m.source) {
			return sortDone, m.remove()
		}
		return sortBefore, nil
	}
	return m.meetCopy(to, is, source.Size())
}

// meetCopy looks whether the file that has the name already has the photo's bytes.
func (m *sorting) meetCopy(to string, is fs.FileInfo, size int64) (sortedHow, error) {
	if m.by == sortByLink || !is.Mode().IsRegular() || is.Size() != size {
		return "", fs.ErrExist
	}
	data, err := userfile.Read(m.ctx, to, ingest.DefaultMaxBytes)
	if err != nil || split.SumBytes(data) != m.digest {
		return "", errors.Join(fs.ErrExist, m.ctx.Err())
	}
	if m.by == sortByMove && m.yes {
		if _, err := m.bytes(); err != nil {
			return "", err
		}
		return sortDone, m.remove()
	}
	return sortBefore, nil
}

// samePlace tells whether two paths are the same name in the same folder, also where case makes
// no difference.
func samePlace(a, b string) bool {
	return strings.EqualFold(realName(a), realName(b))
}

// realName is a path without links in its folders.
func realName(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// bytes reads the photo again.
func (m *sorting) bytes() ([]byte, error) {
	data, err := m.photo.Read(m.ctx)
	if err == nil && split.SumBytes(data) != m.digest {
		err = errOtherBytes
	}
	if err != nil {
		return nil, errors.Join(m.ctx.Err(), photoProblem{err})
	}
	return data, nil
}

// remove removes the photo from where it came.
func (m *sorting) remove() error {
	if err := os.Remove(m.source); err != nil {
		return photoProblem{userfile.WithoutPath(err)}
	}
	return nil
}

// copy writes the photo's bytes to a file that is not there yet. It appears whole: it is written
// under another name first, always the same for a photo, so that what a kill leaves is
// written over by the next run.
func (m *sorting) copy(to string) error {
	data, err := m.bytes()
	if err != nil {
		return err
	}
	part := filepath.Join(m.folder, ".featstore-"+m.digest.String()[:16]+".part")
	if err := m.write(part, data); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	err = os.Link(part, to)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if _, err = os.Lstat(to); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			return os.Rename(part, to)
		}
	}
	return errors.Join(err, os.Remove(part))
}

// write writes a file to the disk, with the photo's time.
func (m *sorting) write(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if m.photo.InArchive() {
		return os.Chtimes(path, m.photo.ModTime, m.photo.ModTime)
	}
	info, err := os.Stat(m.source)
	if err != nil {
		return photoProblem{userfile.WithoutPath(err)}
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}
