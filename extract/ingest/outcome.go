package ingest

import (
	"errors"
	"time"

	"featstore/store"
)

// put hands an image and its new vectors to the writer and counts the outcome. An error
// that is not fatal concerns only this photo.
func (w *worker) put(t task, out outcome) error {
	image := store.Image{Digest: out.digest, Size: t.size, MTime: t.mtime, Label: t.label}
	if t.old == nil {
		if old, ok := w.gone.take(out.digest, t.file); ok {
			return w.rename(t, out, image, old)
		}
	}
	err := w.writer.Put(store.Entry{Root: w.root, Path: t.path, Image: image, Vectors: out.plain, Views: out.views})
	if err != nil {
		return refused(err)
	}
	w.report.done(t, out)
	return nil
}

// refused reports whether an error means that the store does not accept one photo, and
// not that the writer has failed.
func refused(err error) error {
	if errors.Is(err, store.ErrBadPath) || errors.Is(err, store.ErrBadLabel) || errors.Is(err, store.ErrBadVector) {
		return err
	}
	return fatal{err}
}

// rename puts the image under its new path and drops the old one, in one
// transaction and in this order: the vectors always have an image.
func (w *worker) rename(t task, out outcome, image store.Image, old store.ImageEntry) error {
	err := w.writer.Do(func(tx *store.Tx) error {
		if err := tx.PutImage(w.root, t.path, image); err != nil {
			return err
		}
		for id, vec := range out.plain {
			if err := tx.PutVector(id, out.digest, vec); err != nil {
				return err
			}
		}
		for id, views := range out.views {
			for number, vec := range views {
				if err := tx.PutView(id, out.digest, number, vec); err != nil {
					return err
				}
			}
		}
		return tx.DeleteImage(w.root, old.Path)
	})
	if err != nil {
		return fatal{err}
	}
	w.report.renamed(t, out, old)
	return nil
}

// fail records why a file could not be used.
func (w *worker) fail(t task, reason error) error {
	f := store.Failure{Reason: reason.Error(), Size: t.size, MTime: t.mtime, When: time.Now()}
	err := w.writer.Do(func(tx *store.Tx) error { return tx.PutFailure(w.root, t.path, f) })
	if err != nil {
		return err
	}
	w.opt.Progress.Failed.Add(1)
	w.report.failed(t.file, f.Reason, false)
	return nil
}

// notPhoto skips a file that is not a photo by its name and bytes, and drops what was
// recorded when it was one.
func (w *worker) notPhoto(t task) error {
	w.report.notPhoto(t.file)
	if t.old == nil && t.failure == nil {
		return nil
	}
	return w.writer.Do(func(tx *store.Tx) error {
		if err := tx.DeleteImage(w.root, t.path); err != nil {
			return err
		}
		return tx.DeleteFailure(w.root, t.path)
	})
}

// forget drops the records of files that are gone: failures always, images when
// asked to.
func (r *run) forget(p *plan) error {
	left := r.gone.left()
	if !r.opt.Prune {
		r.report.Gone = len(left)
		left = nil
	}
	if len(left) == 0 && len(p.recovered) == 0 {
		return nil
	}
	err := r.writer.Do(func(tx *store.Tx) error {
		for _, path := range p.recovered {
			if err := tx.DeleteFailure(r.root, path); err != nil {
				return err
			}
		}
		for _, path := range left {
			if err := tx.DeleteImage(r.root, path); err != nil {
				return err
			}
		}
		return nil
	})
	r.report.Pruned = len(left)
	return err
}
