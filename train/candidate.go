package train

import (
	"context"
	"fmt"
	"slices"

	"featstore/split"
	"featstore/store"
)

// A Candidate is one way to train a head that CrossValidate judges.
type Candidate struct {
	Name   string // in the result; that of its kind if empty
	Config Config
	Judge  Judge // nil to train a head with Config on the features of the store
}

// A Judge trains on the images outside a fold, whatever it takes, and returns its accuracy
// on those inside.
type Judge func(ctx context.Context, outside, inside []split.Digest) (Proportion, error)

// Features are bottlenecks and their labels' numbers.
type Features struct {
	Rows  [][]float32
	Truth []int
}

// JudgeFeatures fits a head, not softmax, with default settings of its kind on features,
// and returns its accuracy on others.
func JudgeFeatures(ctx context.Context, kind string, labels int, outside, inside Features) (Proportion, error) {
	pool := newWorkerPool(0)
	defer pool.close()
	if len(outside.Rows) == 0 {
		return Proportion{}, fmt.Errorf("%w: no image to train on", ErrTooFew)
	}
	cfg := DefaultsOf(kind)
	f := &fitting{cfg: cfg.complete(), pool: pool, events: func(Event) {}}
	t := outside.table(labels)
	got, err := f.fitTable(ctx, t)
	if err != nil {
		return Proportion{}, err
	}
	h := got.head(make([]string, labels))
	correct := 0
	for i, row := range inside.Rows {
		z := make([]float64, labels)
		h.scores(z, [][]float32{row})
		h.probabilities(z)
		if argmax64(z) == inside.Truth[i] {
			correct++
		}
	}
	return NewProportion(correct, len(inside.Rows)), nil
}

func (f Features) table(labels int) *table {
	dim := len(f.Rows[0])
	t := &table{labels: labels, dims: []int{dim}}
	t.allocate(len(f.Rows), dim)
	copy(t.truth, f.Truth)
	for i, row := range f.Rows {
		copy(t.rows[i], row)
	}
	return t
}

func (c Candidate) name() string {
	if c.Name == "" {
		return c.Config.Kind
	}
	return c.Name
}

// Recipe returns the settings to train the head anew on features of the same networks:
// those it was trained with, except that what training chose is open again.
func (h *Head) Recipe() Config {
	cfg := h.Config
	cfg.Models = slices.Clone(h.Models)
	if cfg.Chosen {
		cfg.Strength, cfg.Neighbours, cfg.Chosen = 0, 0, false
	}
	return cfg
}

// validate reports candidates that cannot be judged.
func validate(candidates []Candidate) error {
	if len(candidates) == 0 {
		return fmt.Errorf("%w: no head to judge", ErrConfig)
	}
	for _, c := range candidates {
		if err := c.Config.Validate(); err != nil {
			return err
		}
		if c.Config.Kind == KindAuto {
			return fmt.Errorf("%w: cross-validation judges kinds of head; %q is none", ErrConfig, KindAuto)
		}
	}
	return nil
}

// openDatasets returns each candidate's dataset; candidates with the same networks
// share one.
func openDatasets(db *store.DB, candidates []Candidate) ([]*dataset, error) {
	datasets := make([]*dataset, len(candidates))
	for i, c := range candidates {
		d, err := openDataset(db, c.Config.Models)
		if err != nil {
			return nil, err
		}
		datasets[i] = d
		for _, other := range datasets[:i] {
			if slices.Equal(other.models, d.models) {
				datasets[i] = other
				break
			}
		}
	}
	return datasets, nil
}

// newJuries returns each dataset's jury, and tells what each leaves out. Heads can only
// be compared on the same images.
func newJuries(ctx context.Context, datasets []*dataset, pool *workerPool, events func(Event)) ([]*jury, error) {
	juries := make([]*jury, len(datasets))
	for i, d := range datasets {
		if first := slices.Index(datasets, d); first < i {
			juries[i] = juries[first]
			continue
		}
		for _, w := range d.leftOut() {
			events(Warning{w})
		}
		j, err := newJury(ctx, d, pool)
		if err != nil {
			return nil, err
		}
		if i > 0 && !j.judgesWhat(juries[0]) {
			return nil, fmt.Errorf("%w: heads of different networks are compared on the same images, and not all have features of each: ingest the photos with every network", ErrConfig)
		}
		juries[i] = j
	}
	return juries, nil
}

// judgesWhat tells whether j and other judge on the same images with the same labels.
func (j *jury) judgesWhat(other *jury) bool {
	return slices.Equal(j.all.digests, other.all.digests) && slices.Equal(j.all.truth, other.all.truth) && slices.Equal(j.d.labels, other.d.labels)
}
