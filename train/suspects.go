package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A Suspect is an image and how much speaks against its label.
type Suspect struct {
	Digest split.Digest `json:"digest"`
	Paths  []string     `json:"paths"` // every file with these bytes
	Split  split.Split  `json:"split"`
	Label  string       `json:"label"`
	Likely string       `json:"likely"` // the most probable of the other labels

	// Score is (1 + p of Likely − p of Label)/2, by heads that were trained without the
	// image: 0 to 1, above 1/2 where the other label is the more probable.
	Score float64 `json:"score"`
}

// A SuspectOptions says whose labels are doubted. Zero values mean the defaults.
type SuspectOptions struct {
	Models []string // ids; none means the store's only one
	Seed   uint64   // of the dealing into folds
	Folds  int      // default 10
}

// suspectStrength is C of the logistic heads that doubt labels. A weaker one than for
// prediction believes wrong labels less. Of 50 wrong labels among 1,000 photos of flowers,
// six times, C = 1 to 10 found 42.8 among the first 60 on average, 30 in one round 40.
const (
	suspectStrength = 10
	suspectRounds   = 3
)

// Suspects ranks all images of all splits by how much speaks against their labels, most
// first (confident learning: Northcutt, Jiang and Chuang 2021, "Confident Learning:
// Estimating Uncertainty in Dataset Labels"). Each is judged by a logistic head that was
// trained without it, in three rounds: after the first also without the images that the
// round before took for wrong, for these spoil what is learnt of the others. Likely wrong is
// what another label claims with the confidence that it has in its own images.
func Suspects(ctx context.Context, db *store.DB, opt SuspectOptions, events func(Event)) ([]Suspect, error) {
	if events == nil {
		events = func(Event) {}
	}
	if opt.Folds == 0 {
		opt.Folds = 10
	}
	s, err := openSuspects(ctx, db, opt)
	if err != nil {
		return nil, err
	}
	pool := newWorkerPool(0)
	defer pool.close()
	wrong := make([]bool, len(s.rows))
	var probs []float64
	for round := range suspectRounds {
		if probs, err = s.outOfFold(ctx, opt, wrong, pool, func(done int) {
			events(Progress{"doubt labels", round*opt.Folds + done, suspectRounds * opt.Folds})
		}); err != nil {
			return nil, err
		}
		wrong = s.likelyWrong(probs)
	}
	return s.rank(db, probs)
}

// A suspectTable is the images of all splits, with features of length 1.
type suspectTable struct {
	*table
	names   []string // of labels
	indexes []*store.Index
}

func openSuspects(ctx context.Context, db *store.DB, opt SuspectOptions) (*suspectTable, error) {
	s := &suspectTable{}
	err := db.View(func(tx *store.Tx) error {
		models, err := chooseModels(tx, opt.Models)
		if err != nil {
			return err
		}
		for _, sp := range split.All {
			ix, err := tx.Index(models, sp)
			if err != nil {
				return err
			}
			s.indexes = append(s.indexes, ix)
			s.names = append(s.names, ix.Labels...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	for i, ix := range s.indexes {
		s.indexes[i], _ = ix.Align(s.names)
	}
	if s.table, err = readTable(ctx, db, s.indexes...); err != nil {
		return nil, err
	}
	switch {
	case len(s.rows) == 0:
		return nil, fmt.Errorf("%w: ingest a folder that has one folder of photos a label", ErrNoImages)
	case len(s.names) == 1:
		return nil, fmt.Errorf("%w, %q: there is no other that an image could belong to", ErrOneLabel, s.names[0])
	}
	scaling := fitScaling(ScaleL2, s.table)
	for _, row := range s.rows {
		scaling.apply(row, row)
	}
	return s, nil
}

// outOfFold returns the probabilities of labels, N×C, by heads trained without the
// image, and without those known to be wrong.
func (s *suspectTable) outOfFold(ctx context.Context, opt SuspectOptions, wrong []bool, pool *workerPool, progress func(done int)) ([]float64, error) {
	c := s.labels
	probs := make([]float64, len(s.rows)*c)
	k := min(opt.Folds, len(s.rows))
	folds := makeFolds(s.truth, c, k, opt.Seed, 0)
	for fold := range k {
		outside, inside := foldParts(folds, fold)
		outside = slices.DeleteFunc(outside, func(i int) bool { return wrong[i] })
		if len(outside) == 0 {
			return nil, fmt.Errorf("%w: %d", ErrTooFew, len(s.rows))
		}
		l, _, err := fitLogistic(ctx, s.subset(outside), suspectStrength, nil, choosing.logistic, pool, nil)
		if err != nil {
			return nil, err
		}
		for _, i := range inside {
			z := probs[i*c : (i+1)*c]
			l.scores(z, s.rows[i:i+1])
			softmax64(z)
		}
		progress(fold + 1)
	}
	if !allFinite(probs) {
		return nil, fmt.Errorf("%w: the features are too large", ErrDiverged)
	}
	return probs, nil
}

// likelyWrong marks the images that another label claims with at least the confidence
// that it has on average in its own, more than their own label.
func (s *suspectTable) likelyWrong(probs []float64) []bool {
	c := s.labels
	confidence := make([]float64, c)
	for i, y := range s.truth {
		confidence[y] += probs[i*c+y]
	}
	for l, n := range s.counts() {
		confidence[l] /= float64(max(n, 1))
	}
	wrong := make([]bool, len(s.rows))
	for i, y := range s.truth {
		likely := s.likely(probs, i)
		p := probs[i*c+likely]
		wrong[i] = p > probs[i*c+y] && p >= confidence[likely]
	}
	return wrong
}

// likely returns the most probable of the other labels of an image.
func (s *suspectTable) likely(probs []float64, i int) int {
	best := -1
	for l := range s.labels {
		if l != s.truth[i] && (best < 0 || probs[i*s.labels+l] > probs[i*s.labels+best]) {
			best = l
		}
	}
	return best
}

// rank orders the images by their scores, equal ones by digest.
func (s *suspectTable) rank(db *store.DB, probs []float64) ([]Suspect, error) {
	all := make([]Suspect, len(s.rows))
	for i, y := range s.truth {
		likely := s.likely(probs, i)
		all[i] = Suspect{
			Digest: s.digests[i], Split: s.indexes[s.places[i].index].Split, Label: s.names[y], Likely: s.names[likely],
			Score: (1 + probs[i*s.labels+likely] - probs[i*s.labels+y]) / 2,
		}
	}
	slices.SortFunc(all, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Digest.Compare(b.Digest))
	})
	err := db.View(func(tx *store.Tx) error {
		var errs []error
		for i := range all {
			var err error
			all[i].Paths, err = pathsOf(tx, all[i].Digest)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	return all, err
}
