package store

import (
	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// A Tx is a transaction: a consistent view of the store and, within Update, a set
// of changes that are kept together or not at all. It is valid until the function
// it was given to returns, and belongs to one goroutine.
type Tx struct {
	db   *DB
	bolt *bolt.Tx

	rule      *rule         // how digests are split, once needed
	models    []string      // ids of all models, once needed
	newPolicy *split.Policy // becomes the DB's on commit
}

func newTx(db *DB, b *bolt.Tx) *Tx { return &Tx{db: db, bolt: b} }

func (tx *Tx) writable() error {
	if !tx.bolt.Writable() {
		return ErrReadOnly
	}
	return nil
}

// sub returns the bucket at the end of a chain of names, nil if there is none.
func (tx *Tx) sub(top []byte, names ...[]byte) *bolt.Bucket {
	b := tx.bolt.Bucket(top)
	for _, name := range names {
		if b == nil {
			return nil
		}
		b = b.Bucket(name)
	}
	return b
}

// makeSub is sub, but makes the buckets that are missing.
func (tx *Tx) makeSub(top []byte, names ...[]byte) (*bolt.Bucket, error) {
	b := tx.bolt.Bucket(top)
	var err error
	for _, name := range names {
		if b, err = b.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// put encodes v and puts it under key.
func put(b *bolt.Bucket, key []byte, v any) error {
	enc, err := encode(v)
	if err != nil {
		return err
	}
	return b.Put(key, enc)
}
