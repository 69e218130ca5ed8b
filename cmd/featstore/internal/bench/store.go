package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"featstore/extract/ingest"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// The store that is measured is as large as one of TensorFlow's flower_photos, or
// smaller where vectors are long.
const (
	labels      = 5
	mostVectors = 3670
	leastOf     = 100 // vectors
	vectorBytes = 128 << 20
)

// longAgo is the modification time of the benchmark's files.
var longAgo = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// vectors returns how many vectors the store gets.
func (b *bench) vectors() int {
	return max(leastOf, min(mostVectors, vectorBytes/(4*b.result.Dim)))
}

// put measures writing vectors and their images into a new store, commits included.
func (b *bench) put(ctx context.Context, budget time.Duration) error {
	e := b.entries()
	took, err := repeat(ctx, budget, func() (time.Duration, error) {
		db, err := b.newStore("put.db")
		if err != nil {
			return 0, err
		}
		d, err := fill(ctx, db, e)
		if closed := db.Close(); err == nil {
			err = closed
		}
		if removed := os.Remove(db.Path()); err == nil {
			err = removed
		}
		return d, err
	})
	if err != nil {
		return err
	}
	b.result.StorePutUS = microseconds(median(took)) / float64(len(e))
	return nil
}

// entries returns images with vectors like those of a network: many zeros, the rest
// positive, with something that the labels have in common.
func (b *bench) entries() []store.Entry {
	const different = 64 // vectors; all digests differ
	rng := rand.New(rand.NewPCG(1, 1))
	vectors := make([][]float32, different)
	for i := range vectors {
		v := make([]float32, b.result.Dim)
		for k := range v {
			v[k] = max(0, float32(rng.NormFloat64())-0.5)
			if k%labels == i%labels {
				v[k] += 0.2
			}
		}
		vectors[i] = v
	}
	list := make([]store.Entry, b.vectors())
	for i := range list {
		label := i % different % labels
		list[i] = store.Entry{
			Path:    fmt.Sprintf("label%d/%05d.jpg", label, i),
			Image:   store.Image{Digest: split.SumBytes(fmt.Append(nil, i)), Size: 1, MTime: longAgo.UnixNano(), Label: fmt.Sprintf("label%d", label)},
			Vectors: map[string][]float32{b.result.ModelID: vectors[i%different]},
		}
	}
	return list
}

// newStore makes a store that knows the network.
func (b *bench) newStore(name string) (*store.DB, error) {
	db, err := store.Open(filepath.Join(b.dir, name), store.Options{Create: true})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *store.Tx) error { return tx.PutModel(ingest.Model(b.Network)) })
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// fill puts entries into a store through a Writer, as ingest does, and returns how
// long that took until the last commit.
func fill(ctx context.Context, db *store.DB, entries []store.Entry) (time.Duration, error) {
	var root store.Root
	err := db.Update(func(tx *store.Tx) (err error) {
		root, err = tx.PutRoot(store.Root{Path: filepath.Join(filepath.Dir(db.Path()), "photos"), Name: "photos"})
		return err
	})
	if err != nil {
		return 0, err
	}
	return timed(func() error {
		w := db.NewWriter(store.WriterOptions{})
		for _, e := range entries {
			e.Root = root.ID
			if err = ctx.Err(); err == nil {
				err = w.Put(e)
			}
			if err != nil {
				break
			}
		}
		if closed := w.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// filled returns a filled store, made when it is first asked for.
func (b *bench) filled(ctx context.Context) (*store.DB, error) {
	path := filepath.Join(b.dir, "filled.db")
	if _, err := os.Stat(path); err == nil {
		return store.Open(path, store.Options{ReadOnly: true})
	}
	db, err := b.newStore(filepath.Base(path))
	if err != nil {
		return nil, err
	}
	if _, err := fill(ctx, db, b.entries()); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// read measures drawing minibatches, once all of the store has been read.
func (b *bench) read(ctx context.Context, budget time.Duration) (err error) {
	db, err := b.filled(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	ix, err := db.Index([]string{b.result.ModelID}, split.Training)
	if err != nil {
		return err
	}
	if err := db.Each(ix, func(int, split.Digest, []float32) error { return ctx.Err() }); err != nil {
		return err
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		return err
	}
	defer s.Close()
	src, n := rand.NewPCG(1, 1), train.DefaultsOf(train.KindSoftmax).Batch
	took, err := repeat(ctx, budget, func() (time.Duration, error) {
		return timed(func() error {
			_, err := s.Draw(src, n)
			return err
		})
	})
	if err != nil {
		return err
	}
	b.result.StoreReadUS = microseconds(median(took)) / float64(n)
	return nil
}
