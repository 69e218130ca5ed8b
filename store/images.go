package store

import (
	"bytes"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// An ImageEntry is an image and its path under its root.
type ImageEntry struct {
	Path string
	Image
}

// Images ranges over the images of a root in the order of their paths. Do not
// change images while ranging over them.
func (tx *Tx) Images(root RootID) iter.Seq2[ImageEntry, error] {
	return func(yield func(ImageEntry, error) bool) {
		b := tx.sub(imagesBucket, root.key())
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			m, err := tx.decodeImage(root, k, v)
			if !yield(ImageEntry{string(k), m}, err) {
				return
			}
		}
	}
}

// Image returns the image at a path under a root, or ErrNotFound.
func (tx *Tx) Image(root RootID, path string) (Image, error) {
	if b := tx.sub(imagesBucket, root.key()); b != nil {
		if v := b.Get([]byte(path)); v != nil {
			return tx.decodeImage(root, []byte(path), v)
		}
	}
	return Image{}, fmt.Errorf("image %s: %w", path, ErrNotFound)
}

// PutImage adds an image, or replaces the one at its path, and moves all vectors
// concerned to where they now belong. A failure recorded for the path goes.
func (tx *Tx) PutImage(root RootID, path string, m Image) error {
	if err := tx.checkPut(root, path); err != nil {
		return err
	}
	err := checkLabel(m.Label)
	if m.Label == Unlabelled {
		if err = tx.checkUnlabelled(root); err == nil {
			err = tx.needFormat(unlabelledFormat)
		}
	}
	if err != nil {
		return fmt.Errorf("image %s: %w", path, err)
	}
	old, err := tx.find(root, path)
	if err != nil {
		return err
	}
	b, err := tx.makeSub(imagesBucket, root.key())
	if err != nil {
		return err
	}
	if err := tx.put(b, recordOf(m), imagesBucket, root.key(), []byte(path)); err != nil {
		return err
	}
	if err := tx.DeleteFailure(root, path); err != nil {
		return err
	}
	if old != nil && old.Digest == m.Digest && old.Label == m.Label {
		return nil
	}
	if old != nil && old.Digest != m.Digest {
		if err := tx.unindex(old.Digest, root, path); err != nil {
			return err
		}
	}
	return tx.replace(m.Digest, func() error {
		label, err := encode(m.Label)
		if err != nil {
			return err
		}
		return tx.top(digestsBucket).Put(indexKey(m.Digest, root, path), label)
	})
}

// checkUnlabelled reports whether images of a root may be without a label.
func (tx *Tx) checkUnlabelled(root RootID) error {
	r, err := tx.Root(root)
	if err == nil && (r.Labels == nil || r.Labels.Kind != LabelsNone) {
		err = checkLabel(Unlabelled)
	}
	return err
}

// needFormat makes the store one of a format that older programs refuse.
func (tx *Tx) needFormat(f int) error {
	if tx.db.format >= f || tx.newFormat >= f {
		return nil
	}
	v, err := encode(f)
	if err != nil {
		return err
	}
	tx.newFormat = f
	return tx.top(metaBucket).Put(formatKey, v)
}

// DeleteImage forgets an image. The vectors of its digest stay as long as another
// image has it. Deleting what is not there is no error.
func (tx *Tx) DeleteImage(root RootID, path string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	old, err := tx.find(root, path)
	if err != nil || old == nil {
		return err
	}
	b := tx.sub(imagesBucket, root.key())
	if err := tx.drop(b, imagesBucket, []byte(path)); err != nil {
		return err
	}
	if err := dropEmpty(tx.top(imagesBucket), b, root.key()); err != nil {
		return err
	}
	return tx.unindex(old.Digest, root, path)
}

// find returns the image at a path, nil if there is none.
func (tx *Tx) find(root RootID, path string) (*Image, error) {
	b := tx.sub(imagesBucket, root.key())
	if b == nil {
		return nil, nil
	}
	v := b.Get([]byte(path))
	if v == nil {
		return nil, nil
	}
	m, err := tx.decodeImage(root, []byte(path), v)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// decodeImage reads the record at a path under a root.
func (tx *Tx) decodeImage(root RootID, path, v []byte) (m Image, err error) {
	if v, err = tx.unsealed(v, imagesBucket, root.key(), path); err == nil {
		m, err = decodeImageRecord(v)
	}
	if err != nil {
		return Image{}, fmt.Errorf("image %s: %w", path, err)
	}
	return m, nil
}

// checkPut judges a path that something is to be put under.
func (tx *Tx) checkPut(root RootID, path string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := checkPath(path); err != nil {
		return err
	}
	if tx.top(rootsBucket).Get(root.key()) == nil {
		return fmt.Errorf("root %d: %w", root, ErrNotFound)
	}
	return nil
}

// unindex takes an image out of the index of digests.
func (tx *Tx) unindex(d split.Digest, root RootID, path string) error {
	return tx.replace(d, func() error {
		return tx.top(digestsBucket).Delete(indexKey(d, root, path))
	})
}

// A Location is where an image lies.
type Location struct {
	Root RootID
	Path string
}

// Locations returns the images that have a digest, and their labels, in the order
// of roots and paths.
func (tx *Tx) Locations(d split.Digest) (at []Location, labels []string, err error) {
	c := tx.top(digestsBucket).Cursor()
	for k, v := c.Seek(d[:]); bytes.HasPrefix(k, d[:]); k, v = c.Next() {
		_, root, path, err := parseIndexKey(k)
		if err != nil {
			return nil, nil, err
		}
		label, err := decodeLabel(v)
		if err != nil {
			return nil, nil, fmt.Errorf("label of %s: %w", d.Short(), err)
		}
		at = append(at, Location{root, path})
		labels = append(labels, label)
	}
	return at, labels, nil
}

// Labels returns the distinct labels of the images that have a digest: none if
// there is no such image or none of them has a label, several if they are in dispute.
func (tx *Tx) Labels(d split.Digest) ([]string, error) {
	_, all, err := tx.Locations(d)
	var labels []string
	seen := map[string]bool{}
	for _, l := range all {
		if !seen[l] && l != Unlabelled {
			seen[l] = true
			labels = append(labels, l)
		}
	}
	return labels, err
}

// dropEmpty removes child from parent if it has no keys.
func dropEmpty(parent, child *bolt.Bucket, name []byte) error {
	if k, _ := child.Cursor().First(); k != nil {
		return nil
	}
	return parent.DeleteBucket(name)
}
