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
	err := r.parallel(ctx, len(changed), func(_ context.Context, w *worker, i int) error {
		data, _, err := w.read(changed[i].file, w.buf)
		w.buf = reusable(data)
		if err == nil {
			digests[i] = split.SumBytes(data)
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
	r.carried = map[split.Digest]map[string][]float32{}
	return r.db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		if err != nil {
			return err
		}
		room := maxCarried
		for _, d := range digests {
			if leaving[d] && r.carried[d] == nil && room > 0 {
				if r.carried[d], err = copyVectors(tx, models, d); err != nil {
					return err
				}
				for _, v := range r.carried[d] {
					room -= 4 * len(v)
				}
			}
		}
		return nil
	})
}

// copyVectors returns a digest's vectors of all models, also of those that this
// run does not use.
func copyVectors(tx *store.Tx, models []store.Model, d split.Digest) (map[string][]float32, error) {
	got := map[string][]float32{}
	for _, m := range models {
		v, err := tx.Vector(m.ID, d)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		got[m.ID] = append([]float32(nil), v...)
	}
	return got, nil
}
