package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// An Index lists the images of one split that can be used with some models: those
// with one label and a vector in each of the models. It takes 32 bytes an image,
// and does not follow later changes of the store.
type Index struct {
	Models []string         // ids, in the order in which vectors are concatenated
	Dims   []int            // floats of each model's vector
	Split  split.Split      // which split this is
	Labels []string         // sorted, unless Align gave another order
	Keys   [][]split.Digest // per label, sorted

	// Views says how many views of each image there are, numbered from 1: see
	// IndexViews. With nil, the usual case, there are only plain images.
	Views        [][]uint16 // per label and image, as Keys
	Augment      string     // how the views were augmented
	MissingViews int        // that the models should have and have not

	// Incomplete counts images that have a vector of some of the models but not of
	// all: they are not in Keys.
	Incomplete int
}

// Dim returns the length of a row: the sum of Dims.
func (ix *Index) Dim() int {
	dim := 0
	for _, d := range ix.Dims {
		dim += d
	}
	return dim
}

// Len returns the number of images.
func (ix *Index) Len() int {
	n := 0
	for _, k := range ix.Keys {
		n += len(k)
	}
	return n
}

// LenViews returns the number of views.
func (ix *Index) LenViews() int {
	n := 0
	for _, views := range ix.Views {
		for _, v := range views {
			n += int(v)
		}
	}
	return n
}

// views returns how many views an image has.
func (ix *Index) views(label, rank int) int {
	if ix.Views == nil {
		return 0
	}
	return int(ix.Views[label][rank])
}

// Select returns the index with those images for which keep returns true.
func (ix *Index) Select(keep func(label, rank int) bool) *Index {
	out := *ix
	out.Keys = make([][]split.Digest, len(ix.Keys))
	if ix.Views != nil {
		out.Views = make([][]uint16, len(ix.Keys))
	}
	for l, keys := range ix.Keys {
		for r, d := range keys {
			if !keep(l, r) {
				continue
			}
			out.Keys[l] = append(out.Keys[l], d)
			if ix.Views != nil {
				out.Views[l] = append(out.Views[l], ix.Views[l][r])
			}
		}
	}
	return &out
}

// Align returns the index with its labels in the order of another list, usually
// the one a head was trained with. Labels without images get an empty list of keys.
// Images whose label is not in the list are left out and counted.
func (ix *Index) Align(labels []string) (aligned *Index, left int) {
	out := *ix
	out.Labels = labels
	out.Keys = make([][]split.Digest, len(labels))
	if ix.Views != nil {
		out.Views = make([][]uint16, len(labels))
	}
	used := 0
	for i, l := range labels {
		if k := slices.Index(ix.Labels, l); k >= 0 && !slices.Contains(labels[:i], l) {
			out.Keys[i] = ix.Keys[k]
			if ix.Views != nil {
				out.Views[i] = ix.Views[k]
			}
			used += len(ix.Keys[k])
		}
	}
	return &out, ix.Len() - used
}

// Fingerprint returns the SHA-256 over all pairs of digest and label, sorted by
// digest, each label preceded by its length as eight bytes, big-endian. It changes
// whenever an image enters or leaves the split, or changes its label.
func (ix *Index) Fingerprint() split.Digest {
	type pair struct {
		d     *split.Digest
		label int
	}
	pairs := make([]pair, 0, ix.Len())
	for l, keys := range ix.Keys {
		for i := range keys {
			pairs = append(pairs, pair{&keys[i], l})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return a.d.Compare(*b.d) })
	h := sha256.New()
	var size [8]byte
	for _, p := range pairs {
		label := ix.Labels[p.label]
		binary.BigEndian.PutUint64(size[:], uint64(len(label)))
		h.Write(p.d[:])
		h.Write(size[:])
		h.Write([]byte(label))
	}
	return split.Digest(h.Sum(nil))
}

// Index lists the images of a split that have vectors in all of the models.
func (db *DB) Index(models []string, sp split.Split) (*Index, error) {
	var ix *Index
	err := db.View(func(tx *Tx) (err error) {
		ix, err = tx.Index(models, sp)
		return err
	})
	return ix, err
}

// Index is DB.Index within a transaction, so that several indexes agree.
func (tx *Tx) Index(models []string, sp split.Split) (*Index, error) {
	if len(models) == 0 {
		return nil, errors.New("no model to index")
	}
	if r, err := tx.loadRule(); err != nil {
		return nil, err
	} else if r.next != nil {
		return nil, &ResplittingError{*r.next}
	}
	ix := &Index{Models: slices.Clone(models), Split: sp}
	for i, id := range models {
		m, err := tx.Model(id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(models[:i], id) {
			return nil, fmt.Errorf("model %s is named twice", id)
		}
		ix.Dims = append(ix.Dims, m.Dim)
	}
	labels, err := tx.splitLabels(models, sp)
	if err != nil {
		return nil, err
	}
	for _, label := range labels {
		keys, err := tx.indexLabel(ix, label)
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 {
			ix.Labels = append(ix.Labels, label)
			ix.Keys = append(ix.Keys, keys)
		}
	}
	return ix, nil
}

// splitLabels returns the sorted labels that any of the models has in a split.
func (tx *Tx) splitLabels(models []string, sp split.Split) ([]string, error) {
	var labels []string
	for _, id := range models {
		b := tx.sub(featuresBucket, []byte(id), []byte(sp.String()))
		if b == nil {
			continue
		}
		err := b.ForEachBucket(func(k []byte) error {
			labels = append(labels, string(k))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels), nil
}

// indexLabel returns the digests under a label that have vectors in all models.
func (tx *Tx) indexLabel(ix *Index, label string) ([]split.Digest, error) {
	p := place{state: placed, split: ix.Split, label: label}
	var all []split.Digest
	for i, id := range ix.Models {
		b := tx.sub(featuresBucket, p.names(id)...)
		keys, err := bucketKeys(b)
		if err != nil {
			return nil, fmt.Errorf("features/%s/%v: %w", id, p, err)
		}
		if i == 0 {
			all = keys
			continue
		}
		both := intersect(all, keys)
		ix.Incomplete += len(all) + len(keys) - 2*len(both)
		all = both
	}
	return all, tx.verifyPlaced(all, p)
}

// bucketKeys returns the digests that are the keys of a bucket of vectors.
func bucketKeys(b *bolt.Bucket) ([]split.Digest, error) {
	if b == nil {
		return nil, nil
	}
	keys := make([]split.Digest, 0, min(b.Sequence(), 1<<20))
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if len(k) != digestSize {
			return nil, fmt.Errorf("%w: key of %d bytes", ErrCorrupt, len(k))
		}
		d := split.Digest(k)
		if n := len(keys); n > 0 && keys[n-1].Compare(d) >= 0 {
			return nil, fmt.Errorf("%w: keys out of order", ErrCorrupt)
		}
		keys = append(keys, d)
	}
	if uint64(len(keys)) != b.Sequence() {
		return nil, fmt.Errorf("%w: %d keys, but its count says %d", ErrCorrupt, len(keys), b.Sequence())
	}
	return keys, nil
}

// intersect returns the digests that are in both sorted lists, in a's memory.
func intersect(a, b []split.Digest) []split.Digest {
	both := a[:0]
	for len(a) > 0 && len(b) > 0 {
		switch a[0].Compare(b[0]) {
		case -1:
			a = a[1:]
		case 1:
			b = b[1:]
		default:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return both
}

// verifyPlaced checks sorted digests found at a place against the index of images,
// so that a damaged label or key is noticed before anything is trained on it.
func (tx *Tx) verifyPlaced(keys []split.Digest, p place) error {
	for i := range keys {
		got, err := tx.place(keys[i])
		if err != nil {
			return err
		}
		if got != p {
			return fmt.Errorf("%w: a vector of %s lies at %v, it belongs at %v", ErrCorrupt, keys[i].Short(), p, got)
		}
	}
	return nil
}
