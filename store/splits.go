package store

import (
	"bytes"
	"fmt"

	"featstore/split"
)

// A rule assigns splits while a store may be on its way from one policy to another:
// digests below done follow next, the others policy.
type rule struct {
	policy split.Policy
	next   *split.Policy
	done   []byte
}

func (r *rule) assign(d split.Digest) split.Split {
	if r.next != nil && bytes.Compare(d[:], r.done) < 0 {
		return r.next.Assign(d)
	}
	return r.policy.Assign(d)
}

// resplitRecord is the state of an unfinished Resplit.
type resplitRecord struct {
	Policy split.Policy `msgpack:"policy"`
	Done   []byte       `msgpack:"done"`
}

// loadRule reads how splits are assigned, once in a transaction.
func (tx *Tx) loadRule() (*rule, error) {
	if tx.rule != nil {
		return tx.rule, nil
	}
	p, err := tx.storedPolicy()
	if err != nil {
		return nil, err
	}
	r := &rule{policy: p}
	if v := tx.top(metaBucket).Get(resplitKey); v != nil {
		var rec resplitRecord
		if err := tx.decode(v, &rec, metaBucket, resplitKey); err != nil {
			return nil, fmt.Errorf("state of the change of splits: %w", err)
		}
		r.next, r.done = &rec.Policy, rec.Done
	}
	tx.rule = r
	return r, nil
}

// splitOf returns the split of a digest: the one set by hand or the policy's.
func (tx *Tx) splitOf(d split.Digest) (split.Split, error) {
	if v := tx.top(splitsBucket).Get(d[:]); v != nil {
		return tx.decodeSplit(d[:], v)
	}
	r, err := tx.loadRule()
	if err != nil {
		return 0, err
	}
	return r.assign(d), nil
}

func (tx *Tx) decodeSplit(k, v []byte) (split.Split, error) {
	var name string
	if err := tx.decode(v, &name, splitsBucket, k); err != nil {
		return 0, fmt.Errorf("split of %x: %w", k, err)
	}
	s, err := split.Parse(name)
	if err != nil {
		return 0, fmt.Errorf("%w: split of %x: %w", ErrCorrupt, k, err)
	}
	return s, nil
}

// Split returns the split of a digest, whether or not an image has it: the one set
// by hand if there is one, otherwise the policy's.
func (tx *Tx) Split(d split.Digest) (split.Split, error) { return tx.splitOf(d) }

// SetSplit fixes the split of a digest, whatever the policy says, and moves its
// vectors. It holds for every image with these bytes, also for ones that come later.
func (tx *Tx) SetSplit(d split.Digest, s split.Split) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if _, err := split.Parse(s.String()); err != nil {
		return err
	}
	return tx.replace(d, func() error { return tx.put(tx.top(splitsBucket), s.String(), splitsBucket, d[:]) })
}

// ClearSplit gives a digest back to the policy.
func (tx *Tx) ClearSplit(d split.Digest) error {
	if err := tx.writable(); err != nil {
		return err
	}
	return tx.replace(d, func() error { return tx.drop(tx.top(splitsBucket), splitsBucket, d[:]) })
}

// FixedSplits returns the splits set by hand.
func (tx *Tx) FixedSplits() (map[split.Digest]split.Split, error) {
	fixed := map[split.Digest]split.Split{}
	err := tx.top(splitsBucket).ForEach(func(k, v []byte) error {
		if len(k) != digestSize {
			return fmt.Errorf("%w: a split's key has %d bytes", ErrCorrupt, len(k))
		}
		s, err := tx.decodeSplit(k, v)
		fixed[split.Digest(k)] = s
		return err
	})
	return fixed, err
}
