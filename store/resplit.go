package store

import (
	"bytes"
	"context"
	"fmt"

	"featstore/split"
)

// resplitMoves and resplitVisits bound one transaction of Resplit.
const (
	resplitMoves  = 1000
	resplitVisits = 50000
)

// Resplit changes the policy that assigns splits, and moves all vectors whose split
// changes; nothing is computed anew. Splits set by hand stay. It returns how many
// contents (digests) changed their split.
//
// It works in several transactions, each of which leaves the store in order. If it
// is interrupted, by ctx or a kill, the next Resplit finishes it first; until then
// Index refuses with a ResplittingError, because splits are those of two policies.
// progress, if not nil, is called after each transaction with what is done of the
// total.
func (db *DB) Resplit(ctx context.Context, policy split.Policy, progress func(done, total int)) (moved int, err error) {
	if err := policy.Validate(); err != nil {
		return 0, db.wrap(err)
	}
	moved, err = db.finishResplit(ctx, progress)
	if err != nil {
		return moved, err
	}
	if db.Policy() == policy {
		return moved, nil
	}
	err = db.Update(func(tx *Tx) error {
		return tx.put(tx.top(metaBucket), resplitRecord{Policy: policy}, metaBucket, resplitKey)
	})
	if err != nil {
		return moved, err
	}
	n, err := db.finishResplit(ctx, progress)
	return moved + n, err
}

// finishResplit takes up a change of policy where it was left, if there is one.
func (db *DB) finishResplit(ctx context.Context, progress func(done, total int)) (moved int, err error) {
	pending := false
	err = db.View(func(tx *Tx) error {
		r, err := tx.loadRule()
		pending = err == nil && r.next != nil
		return err
	})
	if err != nil || !pending { // most often: without a transaction to commit
		return 0, err
	}
	done, total := 0, -1
	for {
		if err := ctx.Err(); err != nil {
			return moved, db.wrap(err)
		}
		step := resplitStep{}
		err := db.Update(func(tx *Tx) error {
			if total < 0 && progress != nil {
				total = tx.countKeys(tx.top(digestsBucket))
			}
			return step.run(tx)
		})
		if err != nil {
			return moved, err
		}
		moved += step.moved
		done += step.visited
		if progress != nil && step.pending {
			progress(done, total)
		}
		if step.last {
			return moved, nil
		}
	}
}

// resplitStep is one transaction of a change of policy.
type resplitStep struct {
	pending bool // there was something to do
	last    bool // nothing is left
	visited int  // images in the index
	moved   int  // digests
}

func (s *resplitStep) run(tx *Tx) error {
	r, err := tx.loadRule()
	if err != nil {
		return err
	}
	if r.next == nil {
		s.last = true
		return nil
	}
	s.pending = true
	movers, after, err := s.collect(tx, r)
	if err != nil {
		return err
	}
	models, err := tx.modelIDs()
	if err != nil {
		return err
	}
	for _, m := range movers {
		for _, id := range models {
			if err := tx.move(id, m.d, m.from, m.to); err != nil {
				return err
			}
		}
	}
	s.moved = len(movers)
	meta := tx.top(metaBucket)
	if after != nil {
		return tx.put(meta, resplitRecord{*r.next, after}, metaBucket, resplitKey)
	}
	s.last = true
	tx.newPolicy = r.next
	if err := tx.put(meta, *r.next, metaBucket, policyKey); err != nil {
		return err
	}
	return meta.Delete(resplitKey)
}

// mover is a digest whose vectors change their place.
type mover struct {
	d        split.Digest
	from, to place
}

// collect lists the digests from r.done on that change their split, and returns
// what r.done becomes: nil at the end of all digests.
func (s *resplitStep) collect(tx *Tx, r *rule) (movers []mover, after []byte, err error) {
	c := tx.top(digestsBucket).Cursor()
	var last split.Digest
	for k, _ := c.Seek(r.done); k != nil; k, _ = c.Next() {
		d, _, _, err := parseIndexKey(k)
		if err != nil {
			return nil, nil, err
		}
		if bytes.Compare(d[:], r.done) < 0 { // the rest of the last digest's keys
			continue
		}
		if s.visited > 0 && d == last {
			s.visited++
			continue
		}
		if len(movers) >= resplitMoves || s.visited >= resplitVisits {
			return movers, append(last[:], 0), nil
		}
		s.visited++
		last = d
		if r.policy.Assign(d) == r.next.Assign(d) || tx.top(splitsBucket).Get(d[:]) != nil {
			continue
		}
		from, err := tx.place(d)
		if err != nil {
			return nil, nil, fmt.Errorf("changing splits: %w", err)
		}
		if from.state == placed {
			to := from
			to.split = r.next.Assign(d)
			movers = append(movers, mover{d, from, to})
		}
	}
	return movers, nil, nil
}
