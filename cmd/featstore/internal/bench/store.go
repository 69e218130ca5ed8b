package bench

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// What the store and the trainer are measured with.
const (
	benchLabels  = 5
	benchVectors = 2000
	benchBatch   = 100
	benchSteps   = 500
)

// store measures putting and reading vectors of the network's size, and training
// steps on them.
func (b *bench) store() error {
	db, err := store.Open(filepath.Join(b.dir, "store.db"), store.Options{Create: true})
	if err != nil {
		return err
	}
	defer db.Close()
	dim := b.network.Info().Dim
	put, err := fill(db, dim)
	if err != nil {
		return err
	}
	b.result.StorePut = us(put) / benchVectors
	if err := b.read(db); err != nil {
		return err
	}
	return b.train(db)
}

// fill puts random vectors into a store and returns how long it took, from the
// first to the last commit.
func fill(db *store.DB, dim int) (time.Duration, error) {
	var root store.Root
	err := db.Update(func(tx *store.Tx) (err error) {
		if root, err = tx.PutRoot(store.Root{Path: "/bench", Name: "bench"}); err != nil {
			return err
		}
		return tx.PutModel(store.Model{ID: "bench", Name: "bench", Dim: dim})
	})
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	vec := make([]float32, dim)
	started := time.Now()
	w := db.NewWriter(store.WriterOptions{})
	for i := range benchVectors {
		label := i % benchLabels
		for k := range vec {
			vec[k] = rng.Float32() + 0.1*float32(label)
		}
		err := w.Put(store.Entry{
			Root: root.ID, Path: fmt.Sprintf("%d/%d.jpg", label, i),
			Image:   store.Image{Digest: split.SumBytes(fmt.Append(nil, i)), Size: 1, Label: fmt.Sprint(label)},
			Vectors: map[string][]float32{"bench": vec},
		})
		if err != nil {
			return 0, err
		}
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return time.Since(started), nil
}

func (b *bench) read(db *store.DB) error {
	ix, err := db.Index([]string{"bench"}, split.Training)
	if err != nil {
		return err
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		return err
	}
	defer s.Close()
	src := rand.NewPCG(1, 1)
	d, err := b.repeat(func() (time.Duration, error) {
		started := time.Now()
		_, err := s.Draw(src, benchBatch)
		return time.Since(started), err
	})
	b.result.StoreRead = us(d) / benchBatch
	return err
}

func (b *bench) train(db *store.DB) error {
	cfg := train.DefaultConfig()
	cfg.Batch, cfg.Steps, cfg.EvalEvery = benchBatch, benchSteps, benchSteps
	d, err := b.repeat(func() (time.Duration, error) {
		started := time.Now()
		_, err := train.Fit(b.ctx, db, cfg, nil)
		return time.Since(started), err
	})
	b.result.TrainStep = us(d) / benchSteps
	return err
}
