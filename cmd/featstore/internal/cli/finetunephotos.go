package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A tuningPhoto is a photo of the model that is tuned.
type tuningPhoto struct {
	digest split.Digest
	label  int // -1 for one that the training split does not have
}

// A tuningSet is the photos of a model, by split.
type tuningSet struct {
	model   store.Model
	labels  []string // of the training split
	photos  [len(split.All)][]*tuningPhoto
	indexes [len(split.All)]*store.Index
}

// tuningPhotos returns the model to tune and its photos.
func tuningPhotos(db *store.DB, words []string) (*tuningSet, error) {
	ids, err := trainingModels(db, words)
	if err != nil {
		return nil, err
	}
	s := new(tuningSet)
	if err := db.View(func(tx *store.Tx) error { return s.find(tx, ids) }); err != nil {
		return nil, err
	}
	if s.model.Imported != nil {
		return nil, hint(noNetwork(s.model), importNetworkHint, run("predict", "--features", "FILE"))
	}
	s.labels = s.indexes[split.Training].Labels
	switch len(s.labels) {
	case 0:
		return nil, fmt.Errorf("%w: no photo is in the training split", train.ErrNoImages)
	case 1:
		return nil, hint(fmt.Errorf("%w: all training photos are %q", train.ErrOneLabel, s.labels[0]), "ingest a folder that has one folder of photos for each label")
	}
	for sp, ix := range s.indexes {
		for l, keys := range ix.Keys {
			for _, d := range keys {
				s.photos[sp] = append(s.photos[sp], &tuningPhoto{digest: d, label: slices.Index(s.labels, ix.Labels[l])})
			}
		}
	}
	return s, nil
}

// find looks up the model and the indexes of its splits.
func (s *tuningSet) find(tx *store.Tx, ids []string) error {
	models, err := tx.Models()
	if err != nil {
		return err
	}
	all := store.Usual(models)
	if with := withNetwork(all); len(with) > 0 {
		all = with
	}
	switch {
	case len(ids) > 1:
		return usagef("--model: one network is tuned at a time")
	case len(ids) == 1:
		s.model, err = tx.Model(ids[0])
	case len(all) == 0:
		return fmt.Errorf("%w: the store has no features yet", train.ErrNoImages)
	default:
		s.model = all[0]
	}
	for _, sp := range split.All {
		if err == nil {
			s.indexes[sp], err = tx.Index([]string{s.model.ID}, sp)
		}
	}
	return err
}

// known returns the photos of a split whose labels the training split has.
func (s *tuningSet) known(sp split.Split) []*tuningPhoto {
	return slices.DeleteFunc(slices.Clone(s.photos[sp]), func(p *tuningPhoto) bool { return p.label < 0 })
}

// all returns the photos of all splits.
func (s *tuningSet) all() []*tuningPhoto { return slices.Concat(s.photos[:]...) }

func (s *tuningSet) count() int { return len(s.all()) }

// A tuningSource gives the activations at the cut, which workers read ahead.
type tuningSource struct {
	set   *tuningSet
	ahead *readAhead
	cut   *cutReader // nil at the input, where photos are prepared anew each time
}

// tuningSource runs the photos through the part of the network that stays as it is, as far
// as the cache does not have them: all photos as they are, and those that are trained on in
// their other views too. At the input nothing is computed before.
func (a *app) tuningSource(ctx context.Context, db *store.DB, network *extract.Network, tuning *extract.Tuning, set *tuningSet,
	trained []*tuningPhoto, f finetuning) (*tuningSource, error) {
	s := &tuningSource{set: set}
	if tuning.AtInput() {
		s.ahead = newReadAhead(ctx, tuning.CutLen(), func() prepareFunc {
			p := photoPreparer(db, network)
			return func(ctx context.Context, of *tuningPhoto, epoch int, pixels []float32) error {
				return p.prepare(ctx, of.digest, epochView(f.augment, of.digest, f.cfg.Seed, epoch), pixels)
			}
		})
		return s, nil
	}
	var err error
	if s.cut, err = a.cutReader(db, network, tuning, f); err != nil {
		return nil, err
	}
	if err := s.cut.fill(ctx, s.cut.viewsOf(set.all(), trained)); err != nil {
		return nil, errors.Join(err, s.cut.close())
	}
	s.ahead = newReadAhead(ctx, tuning.CutLen(), func() prepareFunc { return s.cut.read })
	return s, nil
}

// of returns the photos of a split as train takes them.
func (s *tuningSource) of(sp split.Split) train.TunePhotos { return s.given(s.set.known(sp)) }

// given returns photos with known labels as train takes them. They are read in the order
// told to Upcoming.
func (s *tuningSource) given(known []*tuningPhoto) train.TunePhotos {
	t := train.TunePhotos{Read: func(_ int, dst []float32) error { return s.read(dst) }}
	for _, p := range known {
		t.Truth = append(t.Truth, p.label)
	}
	t.Upcoming = func(epoch int, order []int) {
		var photos []*tuningPhoto
		for _, i := range order {
			photos = append(photos, known[i])
		}
		s.upcoming(photos, epoch)
	}
	return t
}

// upcoming says which photos will be read next, in the views of which epoch: 0 is that of
// plain photos.
func (s *tuningSource) upcoming(photos []*tuningPhoto, epoch int) { s.ahead.start(photos, epoch) }

// read gives the activations of the next photo that was told to upcoming.
func (s *tuningSource) read(dst []float32) error { return s.ahead.next(dst) }

func (s *tuningSource) close() error {
	s.ahead.stop()
	if s.cut == nil {
		return nil
	}
	return s.cut.close()
}

// A preparer reads photos and prepares their pixels. It belongs to one goroutine.
type preparer struct {
	db      *store.DB
	how     photo.Preprocess
	limits  photo.Limits
	scratch photo.Scratch
}

func photoPreparer(db *store.DB, network *extract.Network) *preparer {
	return &preparer{db: db, how: network.Info().Preprocess, limits: photo.Limits{Memory: photo.NewMemory(photo.DefaultMemory)}}
}

// prepare gives the pixels of a view of a photo.
func (p *preparer) prepare(ctx context.Context, of split.Digest, view photo.View, pixels []float32) error {
	data, err := photoBytes(ctx, p.db, of)
	if err != nil {
		return err
	}
	if _, err := p.how.PrepareView(ctx, pixels, data, view, p.limits, &p.scratch); err != nil {
		return fmt.Errorf("photo %s: %w", of.Short(), err)
	}
	return nil
}

// epochView is the view of a photo in an epoch that has views of its own. Odd numbers are
// mirrored, so half of the photos count one further: no epoch has all of them mirrored.
func epochView(augment photo.Augment, d split.Digest, seed uint64, epoch int) photo.View {
	if epoch == 0 {
		return photo.View{}
	}
	return augment.View(d, seed<<32|uint64(epoch)+uint64(d[0]&1))
}

// photoBytes reads a photo that the store knows, wherever its bytes still are.
func photoBytes(ctx context.Context, db *store.DB, d split.Digest) ([]byte, error) {
	paths, err := photoPaths(db, d)
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
			err = errors.New("it has changed since it was ingested")
		}
		err = fmt.Errorf("%s: %w", path, err)
		last = err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, adviseIngest(last)
}

func adviseIngest(err error) error {
	return hint(fmt.Errorf("read the photos: %w", err), "bring the store up to date first: %s", run("ingest", "FOLDER", "--prune"))
}

// lieWhereTheyDid looks for all photos, which are read again after the training at the
// latest.
func (s *tuningSet) lieWhereTheyDid(db *store.DB) error {
	for _, p := range s.all() {
		paths, err := photoPaths(db, p.digest)
		if err != nil {
			return err
		}
		missing := fs.ErrNotExist
		if !slices.ContainsFunc(paths, func(path string) bool { missing = ingest.Missing(path); return missing == nil }) {
			return adviseIngest(missing)
		}
	}
	return nil
}

// photoPaths returns where the store has seen a photo.
func photoPaths(db *store.DB, d split.Digest) (paths []string, err error) {
	err = db.View(func(tx *store.Tx) error {
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
	return paths, err
}
