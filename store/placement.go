package store

import (
	"bytes"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A place is where the vectors of a digest lie within each model.
type place struct {
	state placeState
	split split.Split // if placed
	label string      // if placed
}

type placeState uint8

const (
	nowhere    placeState = iota // no image has the digest
	placed                       // under its split and label
	disputed                     // its images disagree about the label
	unlabelled                   // none of its images has a label
)

func (p place) String() string {
	switch p.state {
	case placed:
		return fmt.Sprintf("%v/%s", p.split, p.label)
	case disputed:
		return "disputed"
	case unlabelled:
		return "unlabelled"
	}
	return "nowhere"
}

// names returns the chain of bucket names below the model's.
func (p place) names(model string) [][]byte {
	switch p.state {
	case disputed:
		return [][]byte{[]byte(model), disputedBucket}
	case unlabelled:
		return [][]byte{[]byte(model), unlabelledBucket}
	}
	return [][]byte{[]byte(model), []byte(p.split.String()), []byte(p.label)}
}

// noLabel is Unlabelled as the index of digests has it.
var noLabel = []byte{0xa0}

// place derives where a digest's vectors lie from its images.
func (tx *Tx) place(d split.Digest) (place, error) {
	var first []byte
	state := nowhere
	c := tx.top(digestsBucket).Cursor()
	for k, v := c.Seek(d[:]); bytes.HasPrefix(k, d[:]); k, v = c.Next() {
		switch {
		case bytes.Equal(v, noLabel):
			if state == nowhere {
				state = unlabelled
			}
		case first == nil:
			first, state = v, placed
		case !bytes.Equal(first, v): // both were encoded the same way
			state = disputed
		}
	}
	if state != placed {
		return place{state: state}, nil
	}
	label, err := decodeLabel(first)
	if err != nil {
		return place{}, fmt.Errorf("label of %s: %w", d.Short(), err)
	}
	p := place{state: placed, label: label}
	p.split, err = tx.splitOf(d)
	return p, err
}

// decodeLabel is decode for a str, most often a short one, and there without the
// decoder: an index looks at the labels of all its images.
func decodeLabel(b []byte) (string, error) {
	if label, ok := shortString(b); ok {
		return label, nil
	}
	var label string
	err := decode(b, &label)
	return label, err
}

// placeOf is the inverse of place.names.
func placeOf(names [][]byte) (place, error) {
	if len(names) != 3 {
		if bytes.Equal(names[1], unlabelledBucket) {
			return place{state: unlabelled}, nil
		}
		return place{state: disputed}, nil
	}
	s, err := split.Parse(string(names[1]))
	return place{placed, s, string(names[2])}, err
}

// vectorBucket returns a bucket of or below features or views, nil if there is none.
func (tx *Tx) vectorBucket(top []byte, names ...[]byte) *bolt.Bucket {
	if b := tx.optional(top); b == nil {
		return nil
	}
	return tx.sub(top, names...)
}

// placeBucket returns the bucket of a model at a place, nil if there is none.
func (tx *Tx) placeBucket(top []byte, model string, p place) *bolt.Bucket {
	if p.state == nowhere {
		return nil
	}
	return tx.vectorBucket(top, p.names(model)...)
}

// replace runs change, which alters the images or the split of a digest, and moves
// the digest's vectors where they then belong.
func (tx *Tx) replace(d split.Digest, change func() error) error {
	from, err := tx.place(d)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	to, err := tx.place(d)
	if err != nil || from == to || from.state == nowhere {
		return err
	}
	models, err := tx.modelIDs()
	if err != nil {
		return err
	}
	for _, id := range models {
		if err := tx.move(id, d, from, to); err != nil {
			return err
		}
	}
	return nil
}

// move takes what a model has of d, a vector and views, from one place to another.
func (tx *Tx) move(model string, d split.Digest, from, to place) error {
	if err := tx.moveVector(model, d, from, to); err != nil {
		return err
	}
	return tx.moveViews(model, d, from, to)
}

// moveVector takes a model's vector of d, if there is one, from one place to another.
func (tx *Tx) moveVector(model string, d split.Digest, from, to place) error {
	b := tx.sub(featuresBucket, from.names(model)...)
	if b == nil {
		return nil
	}
	v := b.Get(d[:])
	if v == nil {
		return nil
	}
	v = bytes.Clone(v) // deleting may move it
	if err := tx.take(featuresBucket, model, d[:], from); err != nil {
		return err
	}
	if to.state == nowhere {
		return nil
	}
	return tx.give(featuresBucket, model, d[:], to, v)
}

// take removes the vector under a key at a place of a model. top is that of plain
// vectors or of views.
func (tx *Tx) take(top []byte, model string, key []byte, p place) error {
	names := p.names(model)
	b := tx.sub(top, names...)
	if err := tx.drop(b, top, key); err != nil {
		return err
	}
	if b.Sequence() == 0 {
		return fmt.Errorf("%w: %s/%s/%v holds more vectors than it counts", ErrCorrupt, top, model, p)
	}
	if err := b.SetSequence(b.Sequence() - 1); err != nil {
		return err
	}
	for n := len(names) - 1; n > 0; n-- { // the model's own bucket stays
		parent := tx.sub(top, names[:n]...)
		if err := dropEmpty(parent, parent.Bucket(names[n]), names[n]); err != nil {
			return err
		}
		if parent.Bucket(names[n]) != nil {
			break
		}
	}
	return nil
}

// give puts an encoded vector under a key at a place and keeps the count of the bucket.
func (tx *Tx) give(top []byte, model string, key []byte, p place, blob []byte) error {
	b, err := tx.makeSub(top, p.names(model)...)
	if err != nil {
		return err
	}
	if b.Get(key) == nil {
		if err := errors.Join(tx.counted(top, 1), b.SetSequence(b.Sequence()+1)); err != nil {
			return err
		}
	}
	return b.Put(key, blob)
}
