package store

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A Placement says where the vectors of a photo lie.
type Placement struct {
	Label    string      // Unlabelled if the photo has none, or several
	Split    split.Split // of a photo with a label
	Disputed bool        // the photo has several labels
}

// Placed tells whether the photo has a label, and so is in a split.
func (p Placement) Placed() bool { return p.Label != Unlabelled }

// A Block is some photos that lie at one place.
type Block struct {
	Placement
	Digests []split.Digest

	// Vectors are those of each model, one matrix a model: N×its dimension, row-major.
	// They are copies, valid until the function that got the block returns.
	Vectors [][]float32
}

// A ScanOptions says what a Scan looks at.
type ScanOptions struct {
	Models  []string             // ids; photos without a vector by one of them are left out
	Keep    func(Placement) bool // nil means all places, also those of photos without a label
	Workers int                  // goroutines that read, at least 1
}

const (
	scanBlock  = 64   // photos of a block at most: with 1,280 features it stays in a core's cache
	scanRange  = 4096 // photos that are read in one transaction, about
	scanRanges = 1 << 10
)

// Scan calls fn once for every photo that has vectors, in blocks, from several goroutines
// at a time, each with its number below opt.Workers. The order is not fixed. No index is
// made and nothing is looked up, so this is the fastest way through all vectors; it takes
// little memory. Each photo is as it was when the scan came by it: where others change the
// store meanwhile, they are let in between two of its transactions. An error of fn, or of
// ctx, ends the scan and is returned.
func (db *DB) Scan(ctx context.Context, opt ScanOptions, fn func(worker int, b *Block) error) error {
	s := &scanning{db: db, opt: opt, fn: fn}
	if err := s.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for worker := range max(opt.Workers, 1) {
		group.Go(func() {
			if err := s.work(ctx, worker); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// CountVectors returns how many photos a Scan would call for, at most: those with a vector
// by the first of the models.
func (db *DB) CountVectors(opt ScanOptions) (n int, err error) {
	if len(opt.Models) == 0 {
		return 0, nil
	}
	err = db.View(func(tx *Tx) error {
		return tx.eachVectorBucket(featuresBucket, opt.Models[0], func(names [][]byte, b *bolt.Bucket) error {
			p, err := placementOf(names)
			if err == nil && (opt.Keep == nil || opt.Keep(p)) {
				n += int(b.Sequence())
			}
			return err
		})
	})
	return n, err
}

func placementOf(names [][]byte) (Placement, error) {
	p, err := placeOf(names)
	return Placement{p.label, p.split, p.state == disputed}, err
}

// A scanning divides the digests into ranges, which the workers take one after the other.
type scanning struct {
	db     *DB
	opt    ScanOptions
	fn     func(worker int, b *Block) error
	dims   []int
	ranges int
	looked atomic.Int64 // places whose pages a worker looks at, or has
	next   atomic.Int64
}

func (s *scanning) prepare() error {
	if len(s.opt.Models) == 0 {
		return fmt.Errorf("no model to read vectors of")
	}
	err := s.db.View(func(tx *Tx) error {
		for _, id := range s.opt.Models {
			m, err := tx.Model(id)
			if err != nil {
				return err
			}
			s.dims = append(s.dims, m.Dim)
		}
		return nil
	})
	if err != nil {
		return err
	}
	n, err := s.db.CountVectors(s.opt)
	s.ranges = min(n/scanRange+max(s.opt.Workers, 1), scanRanges)
	return err
}

// lookAhead has the pages of all places looked at, as Tx.safe does, by all workers: each
// takes other places.
func (s *scanning) lookAhead(ctx context.Context) error {
	return s.db.View(func(tx *Tx) error {
		i := 0
		return tx.eachVectorBucket(featuresBucket, s.opt.Models[0], func(_ [][]byte, b *bolt.Bucket) error {
			if i++; s.looked.CompareAndSwap(int64(i-1), int64(i)) {
				tx.safe(b)
			}
			return context.Cause(ctx)
		})
	})
}

// work reads ranges until none is left.
func (s *scanning) work(ctx context.Context, worker int) error {
	if err := s.lookAhead(ctx); err != nil {
		return err
	}
	b := &Block{Vectors: make([][]float32, len(s.dims))}
	for {
		i := int(s.next.Add(1)) - 1
		if i >= s.ranges {
			return nil
		}
		// The first four bytes of a digest, from lo on and below hi.
		r := digestRange{uint64(i) << 32 / uint64(s.ranges), uint64(i+1) << 32 / uint64(s.ranges)}
		err := s.db.View(func(tx *Tx) error { return s.read(ctx, tx, r, worker, b) })
		if err != nil {
			return err
		}
	}
}

// A digestRange is the digests whose first four bytes, big-endian, are from lo on and
// below hi.
type digestRange struct{ lo, hi uint64 }

func (r digestRange) first() []byte {
	return []byte{byte(r.lo >> 24), byte(r.lo >> 16), byte(r.lo >> 8), byte(r.lo)}
}

func (r digestRange) ends(key []byte) bool {
	return len(key) < 4 || uint64(key[0])<<24|uint64(key[1])<<16|uint64(key[2])<<8|uint64(key[3]) >= r.hi
}

// read hands over the photos of a range, place by place.
func (s *scanning) read(ctx context.Context, tx *Tx, r digestRange, worker int, b *Block) error {
	return tx.eachVectorBucket(featuresBucket, s.opt.Models[0], func(names [][]byte, first *bolt.Bucket) (err error) {
		if b.Placement, err = placementOf(names); err != nil {
			return err
		}
		if s.opt.Keep != nil && !s.opt.Keep(b.Placement) {
			return nil
		}
		others, err := s.buckets(tx, names)
		if err != nil || others == nil {
			return err
		}
		return s.readBucket(ctx, tx.safe(first), others, r, worker, b)
	})
}

// buckets returns cursors of the further models at a place; nil if one has nothing there.
func (s *scanning) buckets(tx *Tx, names [][]byte) ([]scan, error) {
	others := make([]scan, len(s.opt.Models)-1)
	for i, id := range s.opt.Models[1:] {
		where := append([][]byte{[]byte(id)}, names[1:]...)
		b := tx.vectorBucket(featuresBucket, where...)
		if b == nil {
			return nil, nil
		}
		others[i].c = b.Cursor()
	}
	return others, nil
}

func (s *scanning) readBucket(ctx context.Context, first *bolt.Bucket, others []scan, r digestRange, worker int, b *Block) error {
	b.clear()
	c := first.Cursor()
	for k, v := c.Seek(r.first()); k != nil && !r.ends(k); k, v = c.Next() {
		if err := s.add(b, k, v, others); err != nil {
			return err
		}
		if len(b.Digests) == scanBlock {
			if err := s.hand(ctx, worker, b); err != nil {
				return err
			}
		}
	}
	return s.hand(ctx, worker, b)
}

func (b *Block) clear() {
	b.Digests = b.Digests[:0]
	for m := range b.Vectors {
		b.Vectors[m] = b.Vectors[m][:0]
	}
}

// hand gives a block to fn and empties it.
func (s *scanning) hand(ctx context.Context, worker int, b *Block) error {
	if len(b.Digests) == 0 {
		return nil
	}
	err := s.fn(worker, b)
	b.clear()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// add puts a photo's vectors into a block, if it has one of each model.
func (s *scanning) add(b *Block, k, v []byte, others []scan) error {
	if len(k) != digestSize {
		return fmt.Errorf("%w: key of %d bytes", ErrCorrupt, len(k))
	}
	values := [][]byte{v}
	for i := range others {
		own := others[i].find(k)
		if own == nil {
			return nil
		}
		values = append(values, own)
	}
	for m, v := range values {
		vec, err := decodeVector(v, s.dims[m], s.opt.Models[m], k)
		if err != nil {
			return err
		}
		b.Vectors[m] = append(b.Vectors[m], vec...)
	}
	b.Digests = append(b.Digests, split.Digest(bytes.Clone(k)))
	return nil
}
