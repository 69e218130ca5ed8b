package store

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// upgrade brings a store of an earlier format to the present one, in one
// transaction: a kill leaves it as it was. Vectors stay where they lie.
//
// From format 1 to 2 each record is sealed as it is, and the records are counted.
func (db *DB) upgrade() error {
	if db.format >= format {
		return nil
	}
	from := db.format
	err := db.Update(func(tx *Tx) error {
		if err := tx.sealAll(); err != nil {
			return err
		}
		db.format = format // what follows is written as such
		c := tx.countAll()
		tx.counts = &c
		f, err := encode(format)
		if err != nil {
			return err
		}
		return tx.top(metaBucket).Put(formatKey, f)
	})
	if err != nil {
		db.format = from
		return fmt.Errorf("upgrading it from format %d to %d: %w", from, format, err)
	}
	return nil
}

// sealAll seals the records of the first format.
func (tx *Tx) sealAll() error {
	for _, top := range [][]byte{metaBucket, rootsBucket, splitsBucket, modelsBucket, headsBucket} {
		if err := sealBucket(tx.top(top), top); err != nil {
			return err
		}
	}
	for _, top := range [][]byte{imagesBucket, failuresBucket} {
		b := tx.top(top)
		err := b.ForEachBucket(func(k []byte) error { return sealBucket(tx.safe(b.Bucket(k)), top, k) })
		if err != nil {
			return err
		}
	}
	return nil
}

// sealBucket seals the records of the bucket at the end of top and keys.
func sealBucket(b *bolt.Bucket, top []byte, keys ...[]byte) error {
	type record struct{ key, value []byte }
	var records []record
	err := b.ForEach(func(k, v []byte) error {
		if v != nil && (!bytes.Equal(top, metaBucket) || sealed(k)) {
			records = append(records, record{bytes.Clone(k), v})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := b.Put(r.key, seal(bytes.Clone(r.value), top, append(keys[:len(keys):len(keys)], r.key)...)); err != nil {
			return err
		}
	}
	return nil
}
