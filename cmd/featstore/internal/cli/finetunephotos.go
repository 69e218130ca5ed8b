package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A tuningPhoto is a photo and its activations at the cut.
type tuningPhoto struct {
	digest      split.Digest
	label       int // -1 for one that the training split does not have
	activations []float32
}

// A tuningSet is the photos of each split.
type tuningSet [len(split.All)][]tuningPhoto

// of returns the photos of a split as train takes them.
func (s tuningSet) of(sp split.Split) train.TunePhotos {
	var known []tuningPhoto
	for _, p := range s[sp] {
		if p.label >= 0 {
			known = append(known, p)
		}
	}
	t := train.TunePhotos{Read: func(i int, dst []float32) error { copy(dst, known[i].activations); return nil }}
	for _, p := range known {
		t.Truth = append(t.Truth, p.label)
	}
	return t
}

// activations runs all photos through the part of the network that stays as it is.
func (a *app) activations(ctx context.Context, db *store.DB, tuning *extract.Tuning, network *extract.Network, indexes [len(split.All)]*store.Index, memory float64) (tuningSet, error) {
	var set tuningSet
	total := 0
	labels := indexes[split.Training].Labels
	for s, ix := range indexes {
		for l, keys := range ix.Keys {
			for _, d := range keys {
				set[s] = append(set[s], tuningPhoto{digest: d, label: slices.Index(labels, ix.Labels[l])})
			}
		}
		total += ix.Len()
	}
	if need := 4 * int64(tuning.CutLen()) * int64(total); float64(need) > memory*1e9 {
		return set, hint(fmt.Errorf("the activations of %s at %s take %s", count(total, "photo"), tuning.Cut().Tensor, bytesText(need)),
			"train less of the network, such as --from 80%%, or allow more memory with --cache")
	}
	limits := photo.Limits{Memory: photo.NewMemory(photo.DefaultMemory)}
	progress := gaugeOf(a, "frozen layers", "photo")
	defer progress.stop()
	var next, done atomic.Int64
	var all []*tuningPhoto
	for s := range set {
		for i := range set[s] {
			all = append(all, &set[s][i])
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		lower, err := tuning.Lower(1)
		if err != nil {
			return set, err
		}
		group.Go(func() error {
			var scratch photo.Scratch
			prepare := network.Info().Preprocess
			pixels := make([]float32, prepare.Len())
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				p := all[i]
				data, err := photoBytes(ctx, db, p.digest)
				if err != nil {
					return err
				}
				if _, err := prepare.Prepare(ctx, pixels, data, limits, &scratch); err != nil {
					return fmt.Errorf("photo %s: %w", p.digest.Short(), err)
				}
				p.activations = make([]float32, tuning.CutLen())
				if err := lower.Activations(ctx, pixels, p.activations); err != nil {
					return err
				}
				progress.set(done.Add(1), int64(len(all)))
			}
			return nil
		})
	}
	return set, group.Wait()
}

// photoBytes reads a photo that the store knows, wherever its bytes still are.
func photoBytes(ctx context.Context, db *store.DB, d split.Digest) ([]byte, error) {
	var paths []string
	err := db.View(func(tx *store.Tx) error {
		at, _, err := tx.Locations(d)
		for _, l := range at {
			root, err := tx.Root(l.Root)
			if err != nil {
				return err
			}
			paths = append(paths, filepath.Join(root.Path, filepath.FromSlash(l.Path)))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var last error
	for _, path := range paths {
		data, err := ingest.ReadPhoto(ctx, path)
		if err == nil && split.SumBytes(data) == d {
			return data, nil
		}
		if err == nil {
			err = fmt.Errorf("%s: it has changed since it was ingested", path)
		}
		last = err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, hint(fmt.Errorf("read the photos: %w", last), "bring the store up to date first: %s", run("ingest", "FOLDER", "--prune"))
}

// keepTuned puts the tuned network and the vectors of all photos into the store.
func keepTuned(ctx context.Context, db *store.DB, tuning *extract.Tuning, base store.Model, cut extract.Cut, photos tuningSet, training *store.Index) (store.Model, error) {
	data, err := tuning.Model()
	if err != nil {
		return base, err
	}
	file, err := extract.ModelLimits{}.ReadModel(data)
	if err != nil {
		return base, err
	}
	request, err := recordedRequest(base)
	if err != nil {
		return base, err
	}
	if base.Tuned == nil {
		request.Name = base.Name + "-finetuned"
	}
	network, err := file.Network(request)
	if err != nil {
		return base, err
	}
	i, fingerprint := network.Info(), training.Fingerprint()
	m := store.Model{ID: i.ID, Name: request.Name, FileSHA256: i.FileSHA256, Tap: i.Tap, Pool: i.Pool, Dim: i.Dim, Preprocess: i.Preprocess.CanonicalString(),
		Engine: i.Engine, Added: time.Now().UTC().Truncate(time.Second), Layout: i.Layout,
		Tuned: &store.Tuned{From: base.ID, Cut: cut.Tensor, Fingerprint: fingerprint[:]}}
	err = db.Update(func(tx *store.Tx) error {
		if err := tx.PutModel(m); err != nil {
			return err
		}
		return tx.PutNetwork(m.ID, data)
	})
	for _, list := range photos {
		for lo := 0; lo < len(list) && err == nil; lo += 256 {
			err = putVectors(ctx, db, tuning, m.ID, list[lo:min(lo+256, len(list))])
		}
	}
	return m, err
}

// putVectors computes the tuned bottlenecks of some photos and stores them.
func putVectors(ctx context.Context, db *store.DB, tuning *extract.Tuning, model string, photos []tuningPhoto) error {
	dim := tuning.Dim()
	vectors := make([]float32, len(photos)*dim)
	for lo := 0; lo < len(photos); lo += tuning.Images() {
		hi := min(lo+tuning.Images(), len(photos))
		var x [][]float32
		for _, p := range photos[lo:hi] {
			x = append(x, p.activations)
		}
		if err := tuning.Forward(ctx, x, vectors[lo*dim:hi*dim]); err != nil {
			return err
		}
	}
	return db.Update(func(tx *store.Tx) error {
		for i, p := range photos {
			if err := tx.PutVector(model, p.digest, vectors[i*dim:(i+1)*dim]); err != nil {
				return err
			}
		}
		return nil
	})
}

// A liveGauge is progress that is set while it is shown.
type liveGauge struct {
	done, total atomic.Int64
	stop        func()
}

func gaugeOf(a *app, what, unit string) *liveGauge {
	g := new(liveGauge)
	g.stop = a.watch(func() gauge { return gauge{what, unit, g.done.Load(), g.total.Load()} })
	return g
}

func (g *liveGauge) set(done, total int64) {
	g.total.Store(total)
	g.done.Store(done)
}
