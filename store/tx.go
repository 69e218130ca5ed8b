package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A Tx is a transaction: a consistent view of the store and, within Update, a set
// of changes that are kept together or not at all. It is valid until the function
// it was given to returns, and belongs to one goroutine.
type Tx struct {
	db   *DB
	bolt *bolt.Tx

	pages *pageChecker // nil if all pages are known to be safe

	rule      *rule         // how digests are split, once needed
	models    []string      // ids of all models, once needed
	counts    *counts       // as they will be, once something was counted
	newPolicy *split.Policy // becomes the DB's on commit
	newFormat int           // likewise, unless 0
}

func newTx(db *DB, b *bolt.Tx) *Tx { return &Tx{db: db, bolt: b, pages: db.pages} }

func (tx *Tx) writable() error {
	if !tx.bolt.Writable() {
		return ErrReadOnly
	}
	return nil
}

// top returns one of the buckets at the top.
func (tx *Tx) top(name []byte) *bolt.Bucket {
	b := tx.bolt.Bucket(name)
	if b == nil {
		panic(damage{fmt.Errorf("%w: its bucket %s is missing", ErrCorrupt, name)})
	}
	return tx.safe(b)
}

// sub returns the bucket at the end of a chain of names, nil if there is none.
func (tx *Tx) sub(top []byte, names ...[]byte) *bolt.Bucket {
	b := tx.top(top)
	for _, name := range names {
		if b = b.Bucket(name); b == nil {
			return nil
		}
		tx.safe(b)
	}
	return b
}

// safe returns b once its pages are known to be safe to read. It raises damage,
// which guard turns into an error, because a bucket is needed in so many places.
func (tx *Tx) safe(b *bolt.Bucket) *bolt.Bucket {
	if tx.pages == nil || b.Root() == 0 {
		return b
	}
	if err := tx.pages.once(uint64(b.Root())); err != nil {
		panic(damage{err})
	}
	return b
}

// makeSub is sub, but makes the buckets that are missing.
func (tx *Tx) makeSub(top []byte, names ...[]byte) (*bolt.Bucket, error) {
	b := tx.top(top)
	var err error
	for _, name := range names {
		if b, err = b.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}
