package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// Views says which views of its photos a model has vectors of, beside those of the
// plain photos: Count a photo, numbered from 1, changed at random as Augment says.
type Views struct {
	Augment string `msgpack:"augment"` // canonical: another one makes other views
	Count   int    `msgpack:"count"`
}

// MaxViews is the largest Views.Count.
const MaxViews = 1000

// SetViews says which views a model has from now on; nil is none. Views of another
// augmentation, and those beyond the count, are removed. It returns how many vectors
// that were.
func (tx *Tx) SetViews(model string, v *Views) (removed int, err error) {
	m, err := tx.Model(model)
	if err != nil {
		return 0, err
	}
	if v != nil && (v.Count < 1 || v.Count > MaxViews || v.Augment == "") {
		return 0, fmt.Errorf("model %s: %d views by augmentation %q: want 1 to %d, and an augmentation", model, v.Count, v.Augment, MaxViews)
	}
	switch old := m.Views; {
	case old == nil && v == nil, old != nil && v != nil && *old == *v:
		return 0, nil
	case old != nil && (v == nil || old.Augment != v.Augment):
		removed, err = tx.dropViews(model)
	case old != nil && v.Count < old.Count:
		removed, err = tx.dropViewsBeyond(model, v.Count)
	}
	if err != nil {
		return 0, err
	}
	m.Views = v
	return removed, tx.putModel(m)
}

// dropViews removes all views of a model.
func (tx *Tx) dropViews(model string) (removed int, err error) {
	b := tx.vectorBucket(viewsBucket, []byte(model))
	if b == nil {
		return 0, nil
	}
	removed = tx.countKeys(b)
	return removed, errors.Join(tx.counted(viewsBucket, -removed), tx.optional(viewsBucket).DeleteBucket([]byte(model)))
}

// dropViewsBeyond removes the views of a model that have numbers above count.
func (tx *Tx) dropViewsBeyond(model string, count int) (removed int, err error) {
	type key struct {
		place place
		key   []byte
	}
	var keys []key
	err = tx.eachVectorBucket(viewsBucket, model, func(names [][]byte, b *bolt.Bucket) error {
		p, err := placeOf(names)
		if err != nil {
			return err
		}
		return tx.safe(b).ForEach(func(k, _ []byte) error {
			if _, number, err := parseViewKey(k); err != nil || number > count {
				keys = append(keys, key{p, bytes.Clone(k)})
				return err
			}
			return nil
		})
	})
	for _, k := range keys {
		if err == nil {
			err = tx.take(viewsBucket, model, k.key, k.place)
		}
	}
	return len(keys), err
}

// PutView stores a model's vector of a view of the image with digest d, as PutVector
// does that of the plain image. The model's Views must have the number.
func (tx *Tx) PutView(model string, d split.Digest, number int, vec []float32) error {
	if err := checkFinite(vec); err != nil {
		return fmt.Errorf("vector of view %d of %s by model %s: %w", number, d.Short(), model, err)
	}
	return tx.putBlob(model, d, number, len(vec), AppendBlob(make([]byte, 0, BlobSize(len(vec))), vec))
}

// View returns a model's vector of a view, or ErrNotFound. View 0 is the plain image.
// It may alias the file, as Vector says.
func (tx *Tx) View(model string, d split.Digest, number int) ([]float32, error) {
	if number == 0 {
		return tx.Vector(model, d)
	}
	m, err := tx.Model(model)
	if err != nil {
		return nil, err
	}
	key := viewKey(d, number)
	p, err := tx.place(d)
	if err != nil {
		return nil, err
	}
	if b := tx.placeBucket(viewsBucket, model, p); b != nil {
		if v := b.Get(key); v != nil {
			return decodeVector(v, m.Dim, model, key)
		}
	}
	return nil, fmt.Errorf("vector of view %d of %s by model %s: %w", number, d.Short(), model, ErrNotFound)
}

// MissingViews returns the numbers of the views that a model should have of an image
// in the training split and has not. Of other images it should have none.
func (tx *Tx) MissingViews(model string, d split.Digest) ([]int, error) {
	m, err := tx.Model(model)
	if err != nil || m.Views == nil {
		return nil, err
	}
	p, err := tx.place(d)
	if err != nil {
		return nil, err
	}
	s, err := tx.splitOf(d) // also of an image that is not yet in the store
	if err != nil || p.state == disputed || p.state == unlabelled || s != split.Training {
		return nil, err
	}
	has := make([]bool, m.Views.Count+1)
	if b := tx.placeBucket(viewsBucket, model, p); b != nil {
		if err := eachView(b.Cursor(), d, func(number int) { has[min(number, m.Views.Count)] = true }); err != nil {
			return nil, err
		}
	}
	var missing []int
	for n := 1; n <= m.Views.Count; n++ {
		if !has[n] {
			missing = append(missing, n)
		}
	}
	return missing, nil
}

// eachView calls fn with the numbers of the views of d in a bucket, in order.
func eachView(c *bolt.Cursor, d split.Digest, fn func(number int)) error {
	for k, _ := c.Seek(d[:]); bytes.HasPrefix(k, d[:]); k, _ = c.Next() {
		_, number, err := parseViewKey(k)
		if err != nil {
			return err
		}
		fn(number)
	}
	return nil
}

// viewKey is the key of a view's vector: that of the plain photo's and the number.
func viewKey(d split.Digest, number int) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, viewKeySize), d[:]...), uint32(number))
}

const viewKeySize = digestSize + 4

// parseViewKey is the inverse of viewKey.
func parseViewKey(k []byte) (d split.Digest, number int, err error) {
	if len(k) != viewKeySize {
		return d, 0, fmt.Errorf("%w: key of %d bytes among views", ErrCorrupt, len(k))
	}
	n := binary.BigEndian.Uint32(k[digestSize:])
	if n < 1 || n > MaxViews {
		return d, 0, fmt.Errorf("%w: view number %d", ErrCorrupt, n)
	}
	return split.Digest(k[:digestSize]), int(n), nil
}

// moveViews takes a model's views of d from one place to another.
func (tx *Tx) moveViews(model string, d split.Digest, from, to place) error {
	b := tx.placeBucket(viewsBucket, model, from)
	if b == nil {
		return nil
	}
	type view struct{ key, blob []byte }
	var views []view
	c := b.Cursor()
	for k, v := c.Seek(d[:]); bytes.HasPrefix(k, d[:]); k, v = c.Next() {
		views = append(views, view{bytes.Clone(k), bytes.Clone(v)})
	}
	for _, v := range views {
		if err := tx.take(viewsBucket, model, v.key, from); err != nil {
			return err
		}
		if to.state == nowhere {
			continue
		}
		if err := tx.give(viewsBucket, model, v.key, to, v.blob); err != nil {
			return err
		}
	}
	return nil
}

// IndexViews finds the views that all models of an index of the training split have of
// its images, and lists them in ix.Views; there are none if ix.Augment stays empty. Views
// that some of the models lack, or that were augmented in different ways, are not used:
// rows of several models show the same.
func (db *DB) IndexViews(ix *Index) error {
	return db.View(func(tx *Tx) error { return tx.IndexViews(ix) })
}

// IndexViews is DB.IndexViews within a transaction.
func (tx *Tx) IndexViews(ix *Index) error {
	if ix.Split != split.Training {
		return fmt.Errorf("only images of the training split have views, not those of the %v split", ix.Split)
	}
	least := MaxViews
	augment := ""
	for i, id := range ix.Models {
		m, err := tx.Model(id)
		if err != nil || m.Views == nil {
			return err
		}
		if i > 0 && m.Views.Augment != augment {
			return nil
		}
		augment, least = m.Views.Augment, min(least, m.Views.Count)
	}
	views := make([][]uint16, len(ix.Keys))
	found := 0
	for l, keys := range ix.Keys {
		views[l] = make([]uint16, len(keys))
		for i, id := range ix.Models {
			if err := tx.countViews(ix, id, l, views[l], i == 0); err != nil {
				return err
			}
		}
		for r := range views[l] {
			views[l][r] = min(views[l][r], uint16(least))
			found += int(views[l][r])
		}
	}
	ix.Augment, ix.MissingViews = augment, least*ix.Len()-found
	if found > 0 {
		ix.Views = views
	}
	return nil
}

// countViews lowers each count to the number of views, from 1 on without a gap, that a
// model has of the image; the first model sets it.
func (tx *Tx) countViews(ix *Index, model string, label int, counts []uint16, first bool) error {
	keys := ix.Keys[label]
	own := make([]uint16, len(keys))
	b := tx.placeBucket(viewsBucket, model, place{placed, ix.Split, ix.Labels[label]})
	if b != nil {
		at := 0
		c := b.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			d, number, err := parseViewKey(k)
			if err != nil {
				return fmt.Errorf("views/%s/%v/%s: %w", model, ix.Split, ix.Labels[label], err)
			}
			for at < len(keys) && keys[at].Compare(d) < 0 {
				at++
			}
			if at < len(keys) && keys[at] == d && int(own[at]) == number-1 {
				own[at]++
			}
		}
	}
	for i := range counts {
		if first {
			counts[i] = own[i]
		} else {
			counts[i] = min(counts[i], own[i])
		}
	}
	return nil
}

// ViewStats counts the vectors of a model's views.
type ViewStats struct {
	Views
	Vectors   int `json:"vectors"`   // of images in the training split
	Missing   int `json:"missing"`   // of images there; computing them makes what is there complete
	Elsewhere int `json:"elsewhere"` // of images that have left the training split: kept, not used
}

// statViews counts the views of a model, of which training images should have them all.
func (tx *Tx) statViews(m Model, training int) (*ViewStats, error) {
	if m.Views == nil {
		return nil, nil
	}
	st := &ViewStats{Views: *m.Views}
	err := tx.eachVectorBucket(viewsBucket, m.ID, func(names [][]byte, b *bolt.Bucket) error {
		p, err := placeOf(names)
		if err == nil && p.state == placed && p.split == split.Training {
			st.Vectors += int(b.Sequence())
		} else {
			st.Elsewhere += int(b.Sequence())
		}
		return err
	})
	st.Missing = training*m.Views.Count - st.Vectors
	return st, err
}

// views checks the vectors of views.
func (c *checker) views() error {
	top := c.tx.optional(viewsBucket)
	if top == nil {
		return nil
	}
	return top.ForEach(func(k, v []byte) error {
		m, err := c.tx.Model(string(k))
		switch {
		case v != nil || errors.Is(err, ErrNotFound):
			c.report.add("there are views of an unknown model %q", k)
			return nil
		case err != nil:
			return nil // reported
		case m.Views == nil:
			c.report.add("there are views of model %s, which says it has none", m.ID)
			return nil
		}
		return c.try(func() error {
			return c.tx.eachVectorBucket(viewsBucket, m.ID, func(names [][]byte, b *bolt.Bucket) error {
				return c.try(func() error {
					return c.vectorBucket(viewsBucket, m, names, c.tx.safe(b), c.view)
				})
			})
		})
	})
}

// view checks one vector of a view.
func (c *checker) view(m Model, here place, k, v []byte) error {
	c.report.Views++
	d, number, err := parseViewKey(k)
	if err != nil || v == nil {
		return fmt.Errorf("unknown key %.40x", k)
	}
	if number > m.Views.Count {
		return fmt.Errorf("view %d of %.6x: the model has %d", number, k, m.Views.Count)
	}
	return c.vectorOf(m, here, d, v)
}
