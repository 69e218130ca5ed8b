package store

import (
	"bytes"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// initMeta makes the buckets of a new store.
func initMeta(b *bolt.Tx, policy split.Policy, now time.Time) error {
	for _, name := range topBuckets {
		if _, err := b.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	for _, e := range []struct {
		key   []byte
		value any
	}{{kindKey, kind}, {formatKey, format}, {policyKey, policy}, {createdKey, now.UTC()}, {countsKey, counts{}}} {
		v, err := encode(e.value)
		if err != nil {
			return err
		}
		if sealed(e.key) {
			v = seal(v, metaBucket, e.key)
		}
		if err := b.Bucket(metaBucket).Put(e.key, v); err != nil {
			return err
		}
	}
	return nil
}

// sealed tells whether a key of meta has a seal. All have but those that programs of
// every version read.
func sealed(key []byte) bool { return !bytes.Equal(key, kindKey) && !bytes.Equal(key, formatKey) }

// load checks that the file is a store this program understands.
func (db *DB) load() (err error) {
	defer guard(panicOnFault(), &err)
	return db.bolt.View(func(b *bolt.Tx) error {
		tx := newTx(db, b)
		meta := tx.bolt.Bucket(metaBucket)
		if meta == nil {
			return fmt.Errorf("%w: it is another program's bbolt file", ErrNotStore)
		}
		tx.safe(meta)
		var k string
		if decode(meta.Get(kindKey), &k) != nil || k != kind {
			return fmt.Errorf("%w: it is another program's bbolt file", ErrNotStore)
		}
		var f int
		if err := decode(meta.Get(formatKey), &f); err != nil {
			return fmt.Errorf("its format: %w", err)
		}
		if f > newestFormat {
			return fmt.Errorf("%w (format %d, this version reads %d)", ErrNewer, f, newestFormat)
		}
		if f < 1 {
			return fmt.Errorf("%w: format %d", ErrCorrupt, f)
		}
		db.format = f
		for _, name := range topBuckets {
			if tx.bolt.Bucket(name) == nil {
				return fmt.Errorf("%w: its bucket %s is missing", ErrCorrupt, name)
			}
		}
		var created time.Time
		if err := tx.decode(meta.Get(createdKey), &created, metaBucket, createdKey); err != nil {
			return fmt.Errorf("its date: %w", err)
		}
		p, err := tx.storedPolicy()
		if err != nil {
			return err
		}
		db.mu.Lock()
		defer db.mu.Unlock()
		db.created, db.policy = created.UTC(), p
		return nil
	})
}

func (tx *Tx) storedPolicy() (split.Policy, error) {
	var p split.Policy
	if err := tx.decode(tx.top(metaBucket).Get(policyKey), &p, metaBucket, policyKey); err != nil {
		return p, fmt.Errorf("split policy: %w", err)
	}
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("%w: split policy: %w", ErrCorrupt, err)
	}
	return p, nil
}
