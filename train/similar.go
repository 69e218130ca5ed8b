package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"featstore/extract/cpu"
	"featstore/split"
	"featstore/store"
	"featstore/train/internal/nearest"
	"featstore/train/internal/product"
)

// A SimilarOptions says what FindSimilar looks for. Zero values mean defaults.
type SimilarOptions struct {
	Models   []string // ids; none means the store's only one
	Top      int      // photos to return for each query, default 10
	Progress func(done, total int)
}

// A Match is a photo of the store that is similar to a query.
type Match struct {
	Image
	Cosine float64 `json:"cosine"` // of the features; with several models the mean of theirs
}

// FindSimilar returns, for each query, the photos of the store whose features are nearest to
// it by cosine, nearest first, equal ones in the order of their digests. Photos without a
// label, and those in dispute, are among them. A query is the features of a photo, those of
// all models put one after the other.
//
// The search is exact. It reads every vector of the store once, on all processors, and
// keeps none: the memory it takes does not depend on how many there are.
func FindSimilar(ctx context.Context, db *store.DB, queries [][]float32, opt SimilarOptions) ([][]Match, error) {
	if _, err := cpu.Chosen(); err != nil { // the products cannot report it
		return nil, err
	}
	if opt.Top == 0 {
		opt.Top = 10
	}
	if opt.Top < 0 {
		return nil, fmt.Errorf("%w: the %d most similar: want 1 or more", ErrConfig, opt.Top)
	}
	s := &similarSearch{opt: opt}
	if err := s.prepare(db, queries); err != nil {
		return nil, err
	}
	if err := s.scan(ctx, db); err != nil {
		return nil, err
	}
	return s.matches(db)
}

// A similarSearch compares queries with all photos of a store.
type similarSearch struct {
	opt     SimilarOptions
	models  []string
	dims    []int
	queries [][][]float32 // by model and query, of length 1
	workers []similarWorker
	total   int
}

// A similarWorker is what one goroutine has found.
type similarWorker struct {
	tile nearest.Tile
	sums []float32 // of cosines, query by query
	best [][]found // by query
}

// A found photo is one of the nearest so far.
type found struct {
	digest split.Digest
	cosine float32
}

func (s *similarSearch) prepare(db *store.DB, queries [][]float32) error {
	err := db.View(func(tx *store.Tx) (err error) {
		if s.models, err = chooseModels(tx, s.opt.Models); err != nil {
			return err
		}
		for _, id := range s.models {
			m, err := tx.Model(id)
			if err != nil {
				return err
			}
			s.dims = append(s.dims, m.Dim)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.queries, err = unitParts(queries, s.dims); err != nil {
		return err
	}
	s.workers = make([]similarWorker, runtime.GOMAXPROCS(0))
	for w := range s.workers {
		s.workers[w].best = make([][]found, len(queries))
	}
	s.total, err = db.CountVectors(store.ScanOptions{Models: s.models})
	return err
}

// unitParts returns the parts of each query that belong to each model, with length 1.
func unitParts(queries [][]float32, dims []int) ([][][]float32, error) {
	parts := make([][][]float32, len(dims))
	for i, q := range queries {
		at := 0
		for m, d := range dims {
			if len(q) < at+d {
				return nil, fmt.Errorf("%w: query %d has %d", ErrWrongFeature, i, len(q))
			}
			own := slices.Clone(q[at : at+d])
			if !allFinite(own) {
				return nil, fmt.Errorf("%w: of query %d", ErrNotFinite, i)
			}
			unit(own)
			parts[m] = append(parts[m], own)
			at += d
		}
		if at != len(q) {
			return nil, fmt.Errorf("%w: query %d has %d, the models have %d", ErrWrongFeature, i, len(q), at)
		}
	}
	return parts, nil
}

func (s *similarSearch) scan(ctx context.Context, db *store.DB) error {
	var done atomic.Int64
	return db.Scan(ctx, store.ScanOptions{Models: s.models, Workers: len(s.workers)}, func(worker int, b *store.Block) error {
		s.compare(&s.workers[worker], b)
		if n := done.Add(int64(len(b.Digests))); s.opt.Progress != nil {
			s.opt.Progress(int(n), s.total)
		}
		return nil
	})
}

// compare compares a block of photos with the queries.
func (s *similarSearch) compare(w *similarWorker, b *store.Block) {
	n := len(b.Digests)
	w.sums = resize(w.sums, len(w.best)*n)
	clear(w.sums)
	for m, dim := range s.dims {
		rows := b.Vectors[m]
		inverse := inverseLengths(rows, dim)
		w.tile.Each(s.queries[m], rows, dim, func(q, at int, dots []float32) {
			sums := w.sums[q*n+at:]
			for i, dot := range dots {
				sums[i] += float32(dot * inverse[at+i]) // rounded: a fused product would differ by machine
			}
		})
	}
	for q := range w.best {
		for i, sum := range w.sums[q*n : (q+1)*n] {
			if own := w.best[q]; len(own) < s.opt.Top || sum >= own[s.opt.Top-1].cosine {
				w.best[q] = insertFound(own, s.opt.Top, found{b.Digests[i], sum})
			}
		}
	}
}

// inverseLengths returns 1 ÷ the length of each row, 0 for rows of zeros.
func inverseLengths(rows []float32, dim int) []float32 {
	out := make([]float32, len(rows)/dim)
	for i := range out {
		row := rows[i*dim : (i+1)*dim]
		product.Dots(out[i:i+1], [][]float32{row}, row, dim)
		if out[i] > 0 {
			out[i] = float32(1 / math.Sqrt(float64(out[i])))
		}
	}
	return out
}

func resize(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// compareFound orders found photos: the nearest first, equal ones by digest.
func compareFound(a, b found) int {
	switch {
	case a.cosine > b.cosine:
		return -1
	case a.cosine < b.cosine:
		return 1
	}
	return a.digest.Compare(b.digest)
}

// insertFound puts f into best, in order, and drops what is beyond the first k.
func insertFound(best []found, k int, f found) []found {
	at, _ := slices.BinarySearchFunc(best, f, compareFound)
	best = slices.Insert(best, at, f)
	return best[:min(len(best), k)]
}

// matches joins what the workers have found, and names the photos.
func (s *similarSearch) matches(db *store.DB) ([][]Match, error) {
	out := make([][]Match, len(s.workers[0].best))
	err := db.View(func(tx *store.Tx) error {
		for q := range out {
			var all []found
			for _, w := range s.workers {
				all = append(all, w.best[q]...)
			}
			slices.SortFunc(all, compareFound)
			out[q] = []Match{}
			for _, f := range all[:min(len(all), s.opt.Top)] {
				im, err := ImageOf(tx, f.digest)
				if errors.Is(err, store.ErrNotFound) {
					continue // removed since the scan came by
				}
				if err != nil {
					return err
				}
				out[q] = append(out[q], Match{im, min(float64(f.cosine)/float64(len(s.dims)), 1)})
			}
		}
		return nil
	})
	return out, err
}
