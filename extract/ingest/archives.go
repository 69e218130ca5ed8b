package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"featstore/extract/ingest/archive"
	"featstore/extract/userfile"
)

// A photo in an archive has a path that goes on in it: photos.zip/roses/1.jpg. The store has
// such paths of archives that were ingested.

// errInOrder: see archive.Archive.Sequential.
var errInOrder = errors.New("photos in a tar.gz can only be read one after another: unpack it, or make it a tar or zip")

// archives keep the directories of archives from which photos are read by their paths, so
// that each is read once.
type archives struct {
	mu   sync.Mutex
	open map[string]*opened
}

// An opened is an archive whose directory is being read, or has been.
type opened struct {
	once sync.Once
	*packed
	at  map[string]int // numbers of entries by their names
	err error
}

type archivesKey struct{}

// WithArchives returns a context under which ReadPhoto reads the directory of an archive once,
// not for each photo in it.
func WithArchives(ctx context.Context) context.Context {
	return context.WithValue(ctx, archivesKey{}, &archives{open: map[string]*opened{}})
}

// readPacked reads a photo whose path leads into an archive.
func readPacked(ctx context.Context, root, inside string) ([]byte, error) {
	all, ok := ctx.Value(archivesKey{}).(*archives)
	if !ok {
		all = &archives{open: map[string]*opened{}}
	}
	all.mu.Lock()
	o := all.open[root]
	if o == nil {
		o = new(opened)
		all.open[root] = o
	}
	all.mu.Unlock()
	o.once.Do(func() { o.read(ctx, root) })
	if o.err != nil {
		return nil, fmt.Errorf("read archive %s: %w", root, o.err)
	}
	i, ok := o.at[inside]
	if !ok {
		return nil, fmt.Errorf("%w in archive %s", fs.ErrNotExist, root)
	}
	if o.Sequential() {
		return nil, errInOrder
	}
	data, _, err := o.packed.read(file{path: inside, size: o.Entries[i].Size, entry: i}, nil, DefaultMaxBytes)
	return data, err
}

func (o *opened) read(ctx context.Context, root string) {
	a, err := archive.Open(ctx, root, func() {})
	if o.err = err; err != nil {
		return
	}
	o.packed, o.at = &packed{Archive: a}, map[string]int{}
	for i, e := range a.Entries {
		o.at[e.Name] = i
	}
}

// splitPath divides a path that leads into a file, which may be an archive, in two.
func splitPath(path string) (root, inside string, ok bool) {
	for at := filepath.Clean(path); filepath.Dir(at) != at; {
		inside = filepath.ToSlash(filepath.Join(filepath.Base(at), inside))
		at = filepath.Dir(at)
		if info, err := os.Stat(at); err == nil {
			return at, inside, info.Mode().IsRegular()
		}
	}
	return "", "", false
}

// leadsIntoFile tells whether a file could not be opened because a folder of its path is a file.
func leadsIntoFile(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist)
}

// Missing returns an error if a photo's file is not there, or the archive that it lay in.
func Missing(path string) error {
	_, err := os.Stat(path)
	if err != nil && leadsIntoFile(err) {
		if _, _, ok := splitPath(path); ok {
			return nil
		}
	}
	return userfile.WithoutPath(err)
}
