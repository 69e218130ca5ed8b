package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// Each calls fn for every image of an index, in its order. The row has ix.Dim()
// floats, may alias the file, and is read-only and valid until fn returns. An error
// of fn ends the pass and is returned.
func (db *DB) Each(ix *Index, fn func(label int, d split.Digest, row []float32) error) error {
	return db.View(func(tx *Tx) error { return tx.Each(ix, fn) })
}

// Each is DB.Each within a transaction, such as the one that made the index.
func (tx *Tx) Each(ix *Index, fn func(label int, d split.Digest, row []float32) error) error {
	for l := range ix.Keys {
		if err := tx.eachOf(ix, l, fn); err != nil {
			return err
		}
	}
	return nil
}

// eachOf is Each for one label.
func (tx *Tx) eachOf(ix *Index, l int, fn func(int, split.Digest, []float32) error) error {
	if len(ix.Keys[l]) == 0 {
		return nil
	}
	scans := make([]scan, len(ix.Models))
	for m := range scans {
		c, err := ix.cursor(tx, m, l)
		if err != nil {
			return err
		}
		scans[m].c = c
	}
	var joint []float32
	for i := range ix.Keys[l] {
		d := &ix.Keys[l][i]
		joint = joint[:0]
		var row []float32
		for m := range scans {
			v := scans[m].find(d[:])
			if v == nil {
				return ix.stale(m, d)
			}
			vec, err := decodeVector(v, ix.Dims[m], ix.Models[m], d[:])
			if err != nil {
				return err
			}
			if row = vec; len(scans) > 1 {
				joint = append(joint, vec...)
				row = joint
			}
		}
		if err := fn(l, *d, row); err != nil {
			return err
		}
	}
	return nil
}

// A scan looks keys up in ascending order. Mostly the next key is the one wanted.
type scan struct {
	c       *bolt.Cursor
	started bool
}

// find returns the value of key, nil if there is none.
func (s *scan) find(key []byte) []byte {
	var k, v []byte
	if s.started {
		k, v = s.c.Next()
	}
	if !bytes.Equal(k, key) {
		k, v = s.c.Seek(key)
	}
	s.started = true
	if !bytes.Equal(k, key) {
		return nil
	}
	return v
}
