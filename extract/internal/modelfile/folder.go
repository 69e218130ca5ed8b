package modelfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"featstore/extract/userfile"
)

// A folder is the folder of a model, for the files beside it that hold weights.
// Symbolic links do not lead out of it, so that a model from elsewhere cannot have
// other files read.
//
// There is one exception, in which the links are not the model's author's: the cache of
// Hugging Face's hub keeps the bytes of all revisions in models--x--y/blobs, and in
// models--x--y/snapshots/REVISION, where the model is, links to them.
type folder struct {
	dir   string // absolute
	root  *os.Root
	blobs *os.Root // of the hub's cache, or nil
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir, root: root}
	if hub := hubFolder(dir); hub != "" {
		if blobs, err := os.OpenRoot(filepath.Join(hub, "blobs")); err == nil {
			f.blobs = blobs
		}
	}
	return f, nil
}

// hubFolder returns the folder of a repository in the hub's cache that a snapshot's
// folder, or one below it, belongs to, or "".
func hubFolder(dir string) string {
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if filepath.Base(parent) == "snapshots" {
			return filepath.Dir(parent)
		}
	}
	return ""
}

func (f *folder) Close() error {
	if f.blobs != nil {
		f.blobs.Close()
	}
	return f.root.Close()
}

// Open opens a file of the folder, as package fs wants it.
func (f *folder) Open(name string) (fs.File, error) {
	at, in, err := f.place(name)
	if err != nil {
		return nil, err
	}
	return in.FS().Open(at)
}

// Stat tells of a file without opening it: it may be a pipe.
func (f *folder) Stat(name string) (fs.FileInfo, error) {
	at, in, err := f.place(name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(in.FS(), at)
}

// place returns where a file is: in the folder, or among the hub's blobs.
func (f *folder) place(name string) (at string, in *os.Root, err error) {
	if !fs.ValidPath(name) {
		return "", nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	_, err = fs.Stat(f.root.FS(), name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || f.blobs == nil {
		return name, f.root, nil // opening it says what is wrong, if anything is
	}
	target, err := filepath.EvalSymlinks(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		return name, f.root, nil
	}
	blobs, err := filepath.EvalSymlinks(f.blobs.Name())
	if err != nil {
		return name, f.root, nil
	}
	if rel, err := filepath.Rel(blobs, target); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel), f.blobs, nil
	}
	return name, f.root, nil
}

// A sidecarFolder is the folder of a model for its sidecars, which say how it is used. Unlike
// os.DirFS it has files whose names are no text, as the model's own name may be none.
type sidecarFolder string

func (dir sidecarFolder) Open(name string) (fs.File, error) {
	return userfile.Open(filepath.Join(string(dir), name))
}

func (dir sidecarFolder) Stat(name string) (fs.FileInfo, error) {
	return os.Stat(filepath.Join(string(dir), name))
}
