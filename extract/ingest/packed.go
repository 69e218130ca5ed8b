package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"featstore/extract/ingest/archive"
	"featstore/extract/photo"
	"featstore/extract/userfile"
	"featstore/store"
)

// A packed is an archive whose entries are listed as the files of a folder are. They have the
// archive's time, so that an archive that is unchanged is not read again; one that has changed
// is read, and what it holds is compared by its bytes.
//
// Neither the archive's name nor a single folder that all photos lie in is a label: file.top
// leaves them out.
type packed struct {
	*archive.Archive
	path   string // below the root, "." if it is the root
	prefix string // of the paths of its files
}

// openRoot lists an archive instead of a folder.
func openRoot(ctx context.Context, root string, found func()) (*listing, error) {
	abs, err := filepath.Abs(root)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("find archive %s: %w", root, userfile.WithoutPath(err))
	}
	if !archive.Is(abs) {
		return nil, fmt.Errorf("%s: %w", root, ErrNotFolder)
	}
	l := &listing{root: abs}
	if err := l.addArchive(ctx, ".", found); err != nil {
		return nil, fmt.Errorf("read archive %s: %w", root, err)
	}
	l.findTop()
	l.sort()
	return l, nil
}

// IsArchive tells whether a path leads to an archive, whose photos are looked for in it.
func IsArchive(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && archive.Is(path)
}

// unpack looks into the archives of a folder that has no photos of its own: the shards of a
// data set. Elsewhere an archive most likely is what the photos came in.
func (l *listing) unpack(ctx context.Context, found func()) error {
	if slices.ContainsFunc(l.all, func(f file) bool { return namedAsPhoto(f.path) }) {
		return nil
	}
	var archives []string
	l.all = slices.DeleteFunc(l.all, func(f file) bool {
		is := f.err == nil && archive.Named(f.path)
		if is {
			archives = append(archives, f.path)
		}
		return is
	})
	if len(archives) > 0 {
		l.folders = nil // they hold archives
	}
	for _, at := range archives {
		if err := l.addArchive(ctx, at, found); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			l.unread = append(l.unread, problem(at, err))
		}
	}
	l.findTop()
	return nil
}

// addArchive adds the entries of an archive.
func (l *listing) addArchive(ctx context.Context, at string, found func()) error {
	a, err := archive.Open(ctx, filepath.Join(l.root, filepath.FromSlash(at)), found)
	if err != nil {
		return err
	}
	prefix := ""
	if at != "." {
		prefix = at + "/"
	}
	p := &packed{Archive: a, path: at, prefix: prefix}
	l.packed = append(l.packed, p)
	for i, e := range a.Entries {
		if slices.ContainsFunc(strings.Split(e.Name, "/"), skipped) {
			continue
		}
		f := file{path: prefix + e.Name, size: e.Size, mtime: a.ModTime.UnixNano(), in: p, entry: i, top: len(prefix)}
		if namedAsPhoto(e.Name) {
			f.err = e.Err
		}
		l.all = append(l.all, f)
	}
	for _, folder := range a.Folders {
		if strings.Count(folder, "/") < 3 {
			l.folders = append(l.folders, prefix+folder)
		}
	}
	for _, e := range a.LeftOut {
		if namedAsPhoto(e.Name) {
			l.links = append(l.links, problem(prefix+e.Name, e.Err))
		}
	}
	if a.Damage != nil {
		l.unread = append(l.unread, problem(at, a.Damage))
	}
	return nil
}

// findTop leaves the folder out that all photos lie in, if there is just one.
func (l *listing) findTop() {
	top := ""
	for _, f := range l.all {
		if f.in == nil || !namedAsPhoto(f.path) {
			continue
		}
		first, _, deep := strings.Cut(f.below(), "/")
		if !deep || top != "" && first+"/" != top {
			return
		}
		top = first + "/"
	}
	l.top = top
	for i, f := range l.all {
		if strings.HasPrefix(f.below(), top) {
			l.all[i].top += len(top)
		}
	}
}

// belowTop is a path without what stands for archives.
func (l *listing) belowTop(path string) string {
	for _, p := range l.packed {
		if below, ok := strings.CutPrefix(path, p.prefix); ok {
			return strings.TrimPrefix(below, l.top)
		}
	}
	return path
}

// name is the folder's name, or the archive's without its extension.
func (l *listing) name() string {
	base := path.Base(filepath.ToSlash(l.root))
	if l.isArchive() {
		return archive.Stem(base)
	}
	return base
}

// isArchive tells whether the root is an archive.
func (l *listing) isArchive() bool { return len(l.packed) == 1 && l.packed[0].path == "." }

// close frees what reading archives keeps.
func (l *listing) close() {
	for _, p := range l.packed {
		p.Close()
	}
}

// read returns the bytes of an entry, in buf if they fit. One that is not named as a photo
// and does not begin as one is errNotPhoto.
func (p *packed) read(f file, buf []byte, limit int64) ([]byte, file, error) {
	if f.err != nil {
		return buf, f, f.err
	}
	r, err := p.OpenEntry(f.entry)
	if err != nil && !namedAsPhoto(f.path) {
		err = errNotPhoto
	}
	if err != nil {
		return buf, f, err
	}
	data, err := readEntry(r, f, buf, limit)
	return data, f, errors.Join(err, r.Close())
}

func readEntry(r io.Reader, f file, buf []byte, limit int64) ([]byte, error) {
	var head [headerBytes]byte
	n, err := io.ReadFull(r, head[:min(headerBytes, f.size)])
	if err != nil {
		return buf, entryError(err)
	}
	if _, _, _, err := photo.DecodeConfig(head[:n]); !namedAsPhoto(f.path) && (n == 0 || errors.Is(err, photo.ErrUnsupportedFormat)) {
		return buf, errNotPhoto
	}
	if f.size > limit {
		return buf, fmt.Errorf("the file has %d bytes, more than the %d that a photo may have", f.size, limit)
	}
	buf = room(buf, int(f.size))
	copy(buf, head[:n])
	if _, err := io.ReadFull(r, buf[n:f.size]); err != nil {
		return buf, entryError(err)
	}
	// The checksum of zip is looked at where the entry ends.
	if _, err := io.ReadFull(r, head[:1]); err == nil {
		return buf, fmt.Errorf("%w: the entry is larger than it says", archive.ErrDamaged)
	} else if !errors.Is(err, io.EOF) {
		return buf, entryError(err)
	}
	return buf[:f.size], nil
}

func entryError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return archive.ErrCut
	}
	return fmt.Errorf("%w: %w", archive.ErrDamaged, err)
}

// inArchive finds the entry that a file's name means, as its path in the listing: a path that
// leads into an archive or, if there is no such file, the name of just one entry.
func (l *listing) inArchive(name string) (string, bool) {
	if len(l.packed) == 0 {
		return "", false
	}
	if _, err := os.Stat(name); err == nil {
		return "", false
	}
	rest := ""
	for at := name; filepath.Dir(at) != at; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			rel, err := filepath.Rel(l.root, filepath.Join(real, rest))
			if _, ok := l.file(filepath.ToSlash(rel)); err == nil && ok {
				return filepath.ToSlash(rel), true
			}
			break
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
	found := ""
	for _, f := range l.all {
		if f.in != nil && path.Base(f.path) == filepath.Base(name) {
			if found != "" {
				return "", false
			}
			found = f.path
		}
	}
	return found, found != ""
}

// file returns the file with a path.
func (l *listing) file(name string) (file, bool) {
	i, ok := (&fileIndex{list: l}).at(name)
	if !ok {
		return file{}, false
	}
	return l.all[i], true
}

// openList opens a list of labels by its recorded name: a file, an entry of an archive, or
// standard input.
func (l *listing) openList(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	if f, ok := l.file(name); ok && f.in != nil {
		r, err := f.in.OpenEntry(f.entry)
		if err != nil {
			return nil, err
		}
		return &entryList{ctx, r}, nil
	}
	return userfile.OpenList(ctx, l.located(name), stdin)
}

// entryList is a list in an archive whose reads end with a context.
type entryList struct {
	ctx context.Context
	io.ReadCloser
}

func (e *entryList) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.ReadCloser.Read(p)
}

// readFile reads a file that is no photo, by its recorded name.
func (l *listing) readFile(ctx context.Context, name string, most int64) ([]byte, error) {
	if f, ok := l.file(name); ok && f.in != nil {
		return f.in.readAll(f, most)
	}
	return userfile.Read(ctx, l.located(name), most)
}

// readAll returns the bytes of an entry of any kind.
func (p *packed) readAll(f file, limit int64) ([]byte, error) {
	r, err := p.OpenEntry(f.entry)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(r, limit+1))
	if err = errors.Join(err, r.Close()); err == nil {
		err = userfile.CheckSize(int64(b.Len()), limit)
	}
	return b.Bytes(), err
}

// overlaps tells whether this folder and one of the store hold the same files. An archive in a
// folder is no part of it, unless the folder's own photos are in archives.
func (r *run) overlaps(tx *store.Tx, root store.Root) (bool, error) {
	switch {
	case within(r.list.root, root.Path) && r.list.isArchive():
		rel, err := filepath.Rel(root.Path, r.list.root)
		if err != nil {
			return false, err
		}
		for image, err := range tx.Images(root.ID) {
			if err != nil {
				return false, err
			}
			if strings.HasPrefix(image.Path, filepath.ToSlash(rel)+"/") {
				return true, nil
			}
		}
		return false, nil
	case within(root.Path, r.list.root):
		if info, err := os.Stat(root.Path); err != nil || info.IsDir() {
			return true, nil
		}
		rel, err := filepath.Rel(r.list.root, root.Path)
		return slices.ContainsFunc(r.list.packed, func(p *packed) bool { return p.path == filepath.ToSlash(rel) }), err
	}
	return within(r.list.root, root.Path), nil
}
