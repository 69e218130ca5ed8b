package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"featstore/extract/photo"
)

// A packedPhoto is a photo in an archive. Where photos can only be read in their order it has
// been read already, and is given once.
type packedPhoto struct {
	in   *packed
	file file

	mu   sync.Mutex
	err  error // why it cannot be read
	read bool
	data []byte
}

// take returns the photo's bytes.
func (p *packedPhoto) take() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return nil, p.err
	case p.read:
		data := p.data
		p.read, p.data = false, nil
		return data, nil
	case p.in.Sequential():
		return nil, errInOrder
	}
	data, _, err := p.in.read(p.file, nil, DefaultMaxBytes)
	return data, err
}

// eachPacked is EachPhoto for an archive.
func eachPacked(ctx context.Context, path string, do func(PhotoFile) error) error {
	l, err := openRoot(ctx, path, func() {})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return do(PhotoFile{Path: path, packed: &packedPhoto{err: err}}) // reading says why
	}
	defer l.close()
	inOrderOfEntries(l.all, func(f file) file { return f })
	for _, f := range l.all {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := &packedPhoto{in: f.in, file: f}
		if !p.prepare() {
			continue
		}
		if err := do(PhotoFile{Path: filepath.Join(path, filepath.FromSlash(f.path)), Size: f.size, ModTime: f.in.ModTime, packed: p}); err != nil {
			return err
		}
	}
	for _, bad := range slices.Concat(l.links, l.unread) {
		broken := &packedPhoto{err: errors.New(bad.Reason)}
		if err := do(PhotoFile{Path: filepath.Join(path, filepath.FromSlash(bad.Path)), packed: broken}); err != nil {
			return err
		}
	}
	return nil
}

// prepare tells whether the entry is a photo, and reads it if that cannot be done later.
func (p *packedPhoto) prepare() bool {
	if !p.in.Sequential() {
		return namedAsPhoto(p.file.path) || p.file.err == nil && p.begins()
	}
	p.data, _, p.err = p.in.read(p.file, nil, DefaultMaxBytes)
	p.read = !errors.Is(p.err, errNotPhoto)
	return p.read
}

// begins tells whether the entry begins as a photo does.
func (p *packedPhoto) begins() bool {
	r, err := p.in.OpenEntry(p.file.entry)
	if err != nil {
		return false
	}
	defer r.Close()
	var head [headerBytes]byte
	n := 0
	for n < len(head) && err == nil {
		var more int
		more, err = r.Read(head[n:])
		n += more
	}
	_, _, _, err = photo.DecodeConfig(head[:n])
	return n > 0 && !errors.Is(err, photo.ErrUnsupportedFormat)
}

// countPacked is CountPhotos for an archive whose directory is read soon.
func countPacked(ctx context.Context, path string) (n int64, err error) {
	if strings.HasSuffix(strings.ToLower(path), "gz") {
		return 0, fmt.Errorf("count photos in %s: %w", path, errInOrder)
	}
	l, err := openRoot(ctx, path, func() {})
	if err != nil {
		return 0, err
	}
	defer l.close()
	for _, f := range l.all {
		if namedAsPhoto(f.path) {
			n++
		}
	}
	return n, nil
}
