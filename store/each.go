package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// Each calls fn for every image of an index, in its order. The row has ix.Dim()
// floats, is a copy that fn may keep until it returns, and must not be written to. An
// error of fn ends the pass and is returned. Where another process waits for the
// store, it is let in between two rows.
func (db *DB) Each(ix *Index, fn func(label int, d split.Digest, row []float32) error) error {
	return db.run(pass{ix: ix, crowded: db.crowded}, plainly(fn))
}

// EachView is Each for the views of the images of an index: those of an image one after
// the other, in the order of their numbers.
func (db *DB) EachView(ix *Index, fn func(label int, d split.Digest, view int, row []float32) error) error {
	return db.run(pass{ix: ix, crowded: db.crowded, views: true, view: 1}, fn)
}

func plainly(fn func(int, split.Digest, []float32) error) func(int, split.Digest, int, []float32) error {
	return func(label int, d split.Digest, _ int, row []float32) error { return fn(label, d, row) }
}

// run makes a pass in as many transactions as it takes.
func (db *DB) run(p pass, fn func(int, split.Digest, int, []float32) error) error {
	for {
		err := db.View(func(tx *Tx) error { return p.run(tx, fn) })
		if err != nil || p.label == len(p.ix.Keys) {
			return err
		}
	}
}

// Each is DB.Each within a transaction, such as the one that made the index.
func (tx *Tx) Each(ix *Index, fn func(label int, d split.Digest, row []float32) error) error {
	p := pass{ix: ix, crowded: func() bool { return false }}
	return p.run(tx, plainly(fn))
}

// EachView is DB.EachView within a transaction.
func (tx *Tx) EachView(ix *Index, fn func(label int, d split.Digest, view int, row []float32) error) error {
	p := pass{ix: ix, crowded: func() bool { return false }, views: true, view: 1}
	return p.run(tx, fn)
}

// lookAround is how many rows a pass reads before it looks whether others wait.
const lookAround = 64

// A pass goes through the images of an index, in one transaction or several.
type pass struct {
	ix          *Index
	crowded     func() bool // whether to pause
	views       bool        // of images, not the plain ones
	label, rank int         // of the next image…
	view        int         // …and its next view
	rows        int         // read
	row         []float32
}

// run goes on where the pass was left. It returns nil at the end, and where it pauses.
func (p *pass) run(tx *Tx, fn func(int, split.Digest, int, []float32) error) error {
	for ; p.label < len(p.ix.Keys); p.label, p.rank = p.label+1, 0 {
		if paused, err := p.runLabel(tx, fn); paused || err != nil {
			return err
		}
	}
	return nil
}

// runLabel goes through the images of one label.
func (p *pass) runLabel(tx *Tx, fn func(int, split.Digest, int, []float32) error) (paused bool, err error) {
	keys := p.ix.Keys[p.label]
	if p.rank == len(keys) {
		return false, nil
	}
	scans := make([]scan, len(p.ix.Models))
	for p.rank < len(keys) {
		first, last := 0, 0
		if p.views {
			first, last = 1, p.ix.views(p.label, p.rank)
		}
		if p.view > last {
			p.rank, p.view = p.rank+1, first
			continue
		}
		d := &keys[p.rank]
		if err := p.read(tx, scans, d); err != nil {
			return false, err
		}
		if err := fn(p.label, *d, p.view, p.row); err != nil {
			return false, err
		}
		p.view++
		if p.rows++; p.rows%lookAround == 0 && p.crowded() {
			return true, nil
		}
	}
	return false, nil
}

// read copies the vectors of d, joined, into the row: what fn sees does not lie in
// the mapped file, whose end may go at any time.
func (p *pass) read(tx *Tx, scans []scan, d *split.Digest) (err error) {
	key := d[:]
	if p.views {
		key = viewKey(*d, p.view)
	}
	p.row = p.row[:0]
	for m := range scans {
		if scans[m].c == nil {
			if scans[m].c, err = p.ix.cursor(tx, m, p.label, p.views); err != nil {
				return err
			}
		}
		v := scans[m].find(key)
		if v == nil {
			return p.ix.stale(m, d)
		}
		vec, err := decodeVector(v, p.ix.Dims[m], p.ix.Models[m], d[:])
		if err != nil {
			return err
		}
		p.row = append(p.row, vec...)
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
