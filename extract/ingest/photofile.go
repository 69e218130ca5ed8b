package ingest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"featstore/extract/userfile"
)

// A PhotoFile is one photo in a folder.
type PhotoFile struct {
	Path    string // the folder's path as it was given, and the way from there
	Size    int64
	ModTime time.Time

	unread bool // a folder that cannot be read
	packed *packedPhoto
}

// Read returns the photo's bytes: see ReadPhoto.
func (p PhotoFile) Read(ctx context.Context) ([]byte, error) {
	if p.packed != nil {
		return p.packed.take()
	}
	return ReadPhoto(ctx, p.Path)
}

// InArchive tells whether the photo lies in an archive.
func (p PhotoFile) InArchive() bool { return p.packed != nil }

// IsPhoto tells whether the file is named as a photo or begins as one, or cannot be read:
// then reading it says why.
func (p PhotoFile) IsPhoto() bool { return namedAsPhoto(p.Path) || p.unread || isPhoto(p.Path) }

// EachPhoto calls do with all photos in a folder and the folders below it, in the order of
// their paths, whether they lie in a label's folder or not, and with what cannot be read
// there. The folder with the canonical path without is not looked into. No list is
// kept. An error of do ends it. dir may be an archive, whose directory is held.
func EachPhoto(ctx context.Context, dir, without string, do func(PhotoFile) error) error {
	if IsArchive(dir) {
		return eachPacked(ctx, dir, do)
	}
	return EachFile(ctx, dir, without, func(p PhotoFile) error {
		if !p.IsPhoto() {
			return nil
		}
		return do(p)
	})
}

// EachFile is EachPhoto for all files, photos or not.
func EachFile(ctx context.Context, dir, without string, do func(PhotoFile) error) error {
	w, err := newWalker(ctx, dir)
	if err != nil {
		return err
	}
	if without != "" {
		w.seen[without] = true
	}
	w.visit = func(f file) error {
		return do(PhotoFile{Path: filepath.Join(dir, filepath.FromSlash(f.path)), Size: f.size, ModTime: time.Unix(0, f.mtime)})
	}
	w.unread = func(p Problem) error {
		return do(PhotoFile{Path: filepath.Join(dir, filepath.FromSlash(p.Path)), unread: true})
	}
	return w.all()
}

// CountPhotos returns about how many photos EachPhoto finds, by their names alone.
func CountPhotos(ctx context.Context, dir string) (n int64, err error) {
	if IsArchive(dir) {
		return countPacked(ctx, dir)
	}
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return nil // EachPhoto says what is wrong
		case p != dir && skipped(e.Name()) && e.IsDir():
			return filepath.SkipDir
		case !e.IsDir() && !skipped(e.Name()) && namedAsPhoto(e.Name()):
			n++
		}
		return nil
	})
	return n, err
}

// isPhoto reports whether a file that is not named as a photo is one.
func isPhoto(abs string) bool {
	h, err := userfile.Open(abs)
	if err != nil {
		return false
	}
	defer h.Close()
	return startsLikePhoto(h)
}

// HasPhotos tells whether photos are looked for below a path: it is a folder or an archive.
func HasPhotos(path string) bool { return IsFolder(path) || !namedAsPhoto(path) && IsArchive(path) }

// IsFolder tells whether there is a folder.
func IsFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
