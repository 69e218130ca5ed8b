package importer

import (
	"errors"
	"fmt"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A change is what an entry changes in the store.
type change struct {
	*entry
	putImage, putVector, setSplit bool
	another                       bool // the store has another vector
}

const (
	noLabel    = "it has no label"
	otherNeeds = "it has no label, and the photos of its folder have: unlabelled ones need a folder of their own"
)

// compare decides what an entry changes, and counts it.
func (im *importing) compare(tx *store.Tx, e *entry) (c change, err error) {
	c.entry = e
	if e.reason != "" {
		im.report.fail(e.name, e.reason)
		return c, nil
	}
	root := im.roots[e.root]
	old, known, err := imageAt(tx, root.ID, e.path)
	if err != nil {
		return c, err
	}
	fromFile := known && (old.Size != 0 || old.MTime != 0)
	if e.image.Digest == noDigest {
		e.image.Digest = pathDigest(e.name)
		if fromFile {
			e.image.Digest = old.Digest
		}
	}
	im.settleLabel(e, old, fromFile)
	if e.reason = im.contradiction(e, old, fromFile); e.reason != "" {
		im.report.fail(e.name, e.reason)
		return c, nil
	}
	_, again := im.seen[e.image.Digest]
	if !again {
		im.seen[e.image.Digest] = seen{e.number, e.split, e.fixed}
	}
	if fromFile && im.target.Photos == "" {
		e.image.Size, e.image.MTime = old.Size, old.MTime
	}
	if c.putVector, c.another, err = im.lacksVector(tx, e, again); err != nil {
		return c, err
	}
	if e.fixed && !again {
		now, err := tx.Split(e.image.Digest)
		if err != nil {
			return c, err
		}
		c.setSplit = now != e.split
	}
	c.putImage = !known || old != e.image
	im.count(c, old, known, again)
	return c, nil
}

// imageAt returns the image at a path, if there is one.
func imageAt(tx *store.Tx, root store.RootID, path string) (store.Image, bool, error) {
	m, err := tx.Image(root, path)
	if errors.Is(err, store.ErrNotFound) {
		return m, false, nil
	}
	return m, err == nil, err
}

// contradiction says why an entry does not go with what earlier rows or the store say.
func (im *importing) contradiction(e *entry, old store.Image, fromFile bool) string {
	at := split.SumBytes([]byte(e.root + "\x00" + e.path))
	if im.paths[at] {
		return "an earlier row has the same path"
	}
	im.paths[at] = true
	if root := im.roots[e.root]; e.image.Label == store.Unlabelled && (root.Labels == nil || root.Labels.Kind != store.LabelsNone) {
		if im.target.Unlabelled {
			return otherNeeds
		}
		return noLabel
	}
	if fromFile && im.target.Photos == "" && old.Digest != e.image.Digest {
		return fmt.Sprintf("the store has other bytes under this path, SHA-256 %s…: the photo has changed", old.Digest.Short())
	}
	earlier, again := im.seen[e.image.Digest]
	if again && earlier.fixed && e.fixed && earlier.split != e.split {
		return fmt.Sprintf("row %d has the same bytes and is in another split, %v", earlier.row, earlier.split)
	}
	return ""
}

// settleLabel leaves an image its label if the row says none, or if it comes from a file and the
// photos are not given.
func (im *importing) settleLabel(e *entry, old store.Image, fromFile bool) {
	if e.image.Label == store.Unlabelled {
		e.image.Label = old.Label
		return
	}
	if !fromFile || im.target.Photos != "" || old.Label == e.image.Label {
		return
	}
	was := "no label"
	if old.Label != store.Unlabelled {
		was = "the label " + old.Label
	}
	im.report.keep(e.name, fmt.Sprintf("it has %s in the store, and %s in the file", was, e.image.Label))
	e.image.Label = old.Label
}

// lacksVector reports whether an entry's vector is to be stored, and whether in the place of
// another one.
func (im *importing) lacksVector(tx *store.Tx, e *entry, again bool) (lacks, another bool, err error) {
	if again {
		return false, false, nil // the first row's counts
	}
	old, err := tx.Vector(im.target.Model.ID, e.image.Digest)
	if errors.Is(err, store.ErrNotFound) {
		return true, false, nil
	}
	another = err == nil && !im.target.Computed && !slices.Equal(old, e.vector)
	return another, another, err
}

// count counts an entry's change.
func (im *importing) count(c change, old store.Image, known, again bool) {
	r := im.report
	if !c.copied {
		r.Done++
		r.label(c.image.Label)
		if c.fixed {
			r.Splits.add(c.entry.split)
		}
	}
	if again {
		r.Copies++
	}
	if c.setSplit {
		r.Fixed++
	}
	switch {
	case !known:
		r.New++
	case old.Label != c.image.Label:
		r.Relabelled++
	case old.Digest != c.image.Digest || c.another:
		r.Changed++
	case c.putVector:
		r.Added++
	default:
		r.Unchanged++
	}
}

// write hands changes to the writer: splits, then images with their vectors.
func (im *importing) write(changes []change) error {
	splits := slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return !c.setSplit })
	if len(splits) > 0 {
		err := im.writer.Do(func(tx *store.Tx) error {
			for _, c := range splits {
				if err := tx.SetSplit(c.image.Digest, c.entry.split); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, c := range changes {
		if !c.putImage && !c.putVector {
			continue
		}
		e := store.Entry{Root: im.roots[c.root].ID, Path: c.path, Image: c.image}
		if c.putVector {
			e.Vectors = map[string][]float32{im.target.Model.ID: c.entry.vector}
		}
		if err := im.writer.Put(e); err != nil {
			if errors.Is(err, store.ErrBadLabel) || errors.Is(err, store.ErrBadPath) {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			return err
		}
	}
	return nil
}
