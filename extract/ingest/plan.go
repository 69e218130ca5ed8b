package ingest

import (
	"iter"
	"slices"
	"strings"

	"featstore/split"
	"featstore/store"
)

// A task is one file to process.
type task struct {
	file
	old     *store.Image   // what the store knows of the path, if anything
	missing bool           // unchanged, but a network has no vector of it
	reread  bool           // unchanged by size and time, read nevertheless
	failure *store.Failure // recorded when the file was tried before
}

// A plan is the result of comparing a folder with the store.
type plan struct {
	fresh     []task             // new paths, failures to retry, vectors to add
	changed   []task             // known paths with another size, time or label
	gone      []store.ImageEntry // known paths without a file
	recovered []string           // paths of failures without a file
	unchanged []task             // known paths; see missing
}

// plan compares the sorted listing with the store's sorted records, in one pass over
// both.
func (r *run) plan() (*plan, error) {
	p := new(plan)
	err := r.db.View(func(tx *store.Tx) error {
		failures, stop := iter.Pull2(tx.Failures(r.root))
		defer stop()
		images, stopImages := iter.Pull2(tx.Images(r.root))
		defer stopImages()
		image, err, more := images()
		failure, ferr, fmore := failures()
		for i := 0; ; {
			if err != nil {
				return err
			}
			if ferr != nil {
				return ferr
			}
			path, any := nextPath(r.list.files, i, image, more, failure, fmore)
			if !any {
				return nil
			}
			var known *store.ImageEntry
			if more && image.Path == path {
				known = &store.ImageEntry{Path: image.Path, Image: image.Image}
				image, err, more = images()
			}
			var failed *store.Failure
			if fmore && failure.Path == path {
				f := failure.Failure
				failed = &f
				failure, ferr, fmore = failures()
			}
			if i < len(r.list.files) && r.list.files[i].path == path {
				r.compare(p, r.list.files[i], known, failed)
				i++
			} else {
				r.absent(p, path, known)
			}
		}
	})
	for _, g := range p.gone {
		r.gone.add(g)
	}
	if err != nil {
		return nil, err
	}
	return p, r.missing(p)
}

// missing adds the unchanged photos that a network has no vector of.
func (r *run) missing(p *plan) error {
	err := inParts(len(p.unchanged), func(lo, hi int) error {
		return r.db.View(func(tx *store.Tx) (err error) {
			for i := lo; i < hi && err == nil; i++ {
				p.unchanged[i].missing, err = r.lacks(tx, p.unchanged[i].old.Digest)
			}
			return err
		})
	})
	for _, t := range p.unchanged {
		if t.missing {
			p.fresh = append(p.fresh, t)
		} else {
			r.report.update(func() { r.report.Unchanged++ })
		}
	}
	slices.SortStableFunc(p.fresh, func(a, b task) int { return strings.Compare(a.path, b.path) })
	return err
}

// nextPath returns the smallest path that any of the three sorted lists has next.
func nextPath(files []file, i int, image store.ImageEntry, more bool, failure store.FailureEntry, fmore bool) (path string, ok bool) {
	take := func(p string) {
		if !ok || p < path {
			path, ok = p, true
		}
	}
	if i < len(files) {
		take(files[i].path)
	}
	if more {
		take(image.Path)
	}
	if fmore {
		take(failure.Path)
	}
	return path, ok
}

// compare decides what is to be done with a file on disk.
func (r *run) compare(p *plan, f file, known *store.ImageEntry, failed *store.Failure) {
	switch {
	case failed != nil && failed.Size == f.size && failed.MTime == f.mtime && !r.opt.Retry:
		r.report.failed(f, failed.Reason, true)
	case known == nil:
		p.fresh = append(p.fresh, task{file: f, failure: failed})
	case !unchanged(f, *known):
		p.changed = append(p.changed, task{file: f, old: &known.Image})
	case known.Label != f.label:
		p.changed = append(p.changed, task{file: f, old: &known.Image})
	case r.opt.Reread:
		p.changed = append(p.changed, task{file: f, old: &known.Image, reread: true})
	default:
		p.unchanged = append(p.unchanged, task{file: f, old: &known.Image})
	}
}

// absent notes a record whose file was not found. What lies in a folder that
// could not be read is unknown, not gone.
func (r *run) absent(p *plan, path string, known *store.ImageEntry) {
	for _, dir := range r.list.unread {
		if dir.Path == "." || strings.HasPrefix(path, dir.Path+"/") {
			return
		}
	}
	if known != nil {
		p.gone = append(p.gone, *known)
	} else {
		p.recovered = append(p.recovered, path)
	}
}

// lacks reports whether a network has no vector of a digest, or lacks one of a view.
func (r *run) lacks(tx *store.Tx, d split.Digest) (bool, error) {
	for i, n := range r.networks {
		has, err := tx.HasVector(n.model.ID, d)
		if err != nil || !has {
			return !has, err
		}
		if missing, err := r.missingViews(tx, i, d); err != nil || len(missing) > 0 {
			return true, err
		}
	}
	return false, nil
}
