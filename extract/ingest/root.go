package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"featstore/store"
)

// register finds the folder's entry in the store, or makes one, and records the
// networks.
func (r *run) register() error {
	return r.db.Update(func(tx *store.Tx) error {
		root, err := r.identify(tx)
		if err != nil {
			return err
		}
		root.Path, root.Name, root.Seen = r.list.root, filepath.Base(r.list.root), time.Now()
		root.Layout, root.Labels = r.layout, recordable(r.source)
		root, err = tx.PutRoot(root)
		if err != nil {
			return err
		}
		r.root = root.ID
		for _, n := range r.networks {
			if err := putModel(tx, n.model); err != nil {
				return err
			}
			if err := r.registerViews(tx, n.model.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// putModel records a network unless it is known, and where its file is now.
func putModel(tx *store.Tx, m store.Model) error {
	known, err := tx.Model(m.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		m.Added = time.Now()
		return tx.PutModel(m)
	case err != nil:
		return err
	case m.Path != "" && m.Path != known.Path || known.Replaced != "":
		known.Replaced = "" // it was asked for
		known.Path = cmp.Or(m.Path, known.Path)
		return tx.PutModel(known)
	}
	return nil
}

// identify returns the store's entry for the folder: the one with its path, or that of a
// folder that was moved here, or copied together with the store in it, which is
// recognised by its files.
func (r *run) identify(tx *store.Tx) (store.Root, error) {
	roots, err := tx.Roots()
	if err != nil {
		return store.Root{}, err
	}
	for _, root := range roots {
		if root.Path == r.list.root {
			return root, nil
		}
	}
	var moved store.Root
	most := 0
	for _, root := range roots {
		alike := unchanged
		if _, err := os.Stat(root.Path); !errors.Is(err, fs.ErrNotExist) {
			overlap, err := r.overlaps(tx, root)
			if err != nil {
				return store.Root{}, err
			}
			if overlap {
				return store.Root{}, fmt.Errorf("%w: %s", ErrOverlap, root.Path)
			}
			if !r.copiedWithStore(root.Path) {
				continue
			}
			alike = sameSize // copying may have set another time
		}
		same, all, err := r.agreement(tx, root.ID, alike)
		if err != nil {
			return store.Root{}, err
		}
		if 2*same > all && same > most {
			moved, most = root, same
		}
	}
	r.report.MovedFrom = moved.Path
	return moved, nil
}

// copiedWithStore tells whether the store lies in the folder, and a file of its name
// at the same place in another one.
func (r *run) copiedWithStore(other string) bool {
	at, err := filepath.Abs(r.db.Path())
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	}
	rel, err := filepath.Rel(r.list.root, at)
	if err != nil || !within(at, r.list.root) {
		return false
	}
	info, err := os.Stat(filepath.Join(other, rel))
	return err == nil && info.Mode().IsRegular()
}

// agreement counts a root's images, and those that are alike in the listing.
func (r *run) agreement(tx *store.Tx, root store.RootID, alike func(file, store.ImageEntry) bool) (same, all int, err error) {
	at := 0
	for image, err := range tx.Images(root) {
		if err != nil {
			return 0, 0, err
		}
		all++
		for at < len(r.list.all) && r.list.all[at].path < image.Path {
			at++
		}
		if at < len(r.list.all) && alike(r.list.all[at], image) {
			same++
		}
	}
	return same, all, nil
}

func unchanged(f file, image store.ImageEntry) bool {
	return f.err == nil && f.path == image.Path && f.size == image.Size && f.mtime == image.MTime
}

func sameSize(f file, image store.ImageEntry) bool {
	return f.err == nil && f.path == image.Path && f.size == image.Size
}
