package ingest

import (
	"context"
	"errors"

	"featstore/split"
	"featstore/store"
)

// maxCarried bounds the bytes of vectors held in memory while changed files swap names;
// vectors beyond it are computed again.
const maxCarried = 64 << 20

// carry reads into memory the vectors of bytes that were in one changed file and now are
// in another: files that were swapped or renumbered. The store would drop such vectors
// with the first file and lack them for the second.
func (r *run) carry(ctx context.Context, changed []task) error {
	digests := make([]split.Digest, len(changed))
	inOrderOfEntries(changed, func(t task) file { return t.file })
	err := r.parallel(ctx, len(changed), func(i int) file { return changed[i].file }, func(_ context.Context, _ *worker, i int, got reading) error {
		if got.err == nil {
			digests[i] = split.SumBytes(got.data)
		}
		return nil // processing the file will report it
	})
	if err != nil {
		return err
	}
	leaving := map[split.Digest]bool{}
	for i, t := range changed {
		if t.old.Digest != digests[i] {
			leaving[t.old.Digest] = true
		}
	}
	r.carried = map[split.Digest]vectors{}
	return r.db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		if err != nil {
			return err
		}
		room := maxCarried
		for _, d := range digests {
			if leaving[d] && r.carried[d].plain == nil && room > 0 {
				if r.carried[d], err = copyVectors(tx, models, d); err != nil {
					return err
				}
				c := r.carried[d]
				room -= c.bytes()
			}
		}
		return nil
	})
}

// copyVectors returns a digest's vectors of all models, also of those that this
// run does not use.
func copyVectors(tx *store.Tx, models []store.Model, d split.Digest) (vectors, error) {
	got := newVectors()
	for _, m := range models {
		views := 0
		if m.Views != nil {
			views = m.Views.Count
		}
		for number := range 1 + views {
			v, err := tx.View(m.ID, d, number)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return got, err
			}
			got.add(m.ID, number, append([]float32(nil), v...))
		}
	}
	return got, nil
}

// bytes is about the memory that the vectors take.
func (v *vectors) bytes() int {
	n := 0
	for _, vec := range v.plain {
		n += 4 * len(vec)
	}
	for _, views := range v.views {
		for _, vec := range views {
			n += 4 * len(vec)
		}
	}
	return n
}
