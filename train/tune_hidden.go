package train

import (
	"context"
	"math"
	"math/rand/v2"

	"featstore/split"
	"featstore/store"
)

// firstLayers trains hidden layers and output on the bottlenecks of the network as it is,
// as the mlp head is trained, but without a look at validation images.
func (t *tuner) firstLayers(ctx context.Context, training *table, events func(Event)) error {
	progress := func(e Event) {
		if v, ok := e.(Validation); ok {
			events(Progress{ProgressNewLayers, v.Step, v.Steps})
		}
	}
	m := &mlpTraining{net: t.head, cfg: t.cfg.headConfig(), weights: t.labelWeights, validation: &table{}, pool: t.pool, events: progress,
		length: math.Sqrt(meanSquare(training) / float64(t.net.Dim())),
		open:   func() (drawer, error) { return &tableDrawer{table: training}, nil }}
	return m.run(ctx)
}

// headConfig returns the settings of a head of the same layers on the network's features.
func (c TuneConfig) headConfig() Config {
	h := DefaultConfig()
	h.Kind, h.Scaling, h.Hidden, h.Seed, h.Balance = KindMLP, ScaleNone, c.Hidden, c.Seed, c.Balance
	h.Dropout, h.Smoothing, h.Decay = c.Dropout, c.Smoothing, c.Decay
	return h.complete()
}

// A tableDrawer draws minibatches from images in memory, each image uniformly.
type tableDrawer struct {
	table *table
	batch store.Batch
	rows  []float32
}

// Draw draws n images, with replacement.
func (d *tableDrawer) Draw(src rand.Source, n int) (*store.Batch, error) {
	dim := d.table.dim()
	if len(d.rows) != n*dim {
		d.rows = make([]float32, n*dim)
		d.batch.Rows, d.batch.Labels, d.batch.Digests = cutRows(d.rows, dim), make([]int, n), make([]split.Digest, n)
	}
	for i := range n {
		image := store.Uniform(src, len(d.table.rows))
		copy(d.batch.Rows[i], d.table.rows[image])
		d.batch.Labels[i], d.batch.Digests[i] = d.table.truth[image], d.table.digests[image]
	}
	return &d.batch, nil
}

// Close has nothing to end.
func (d *tableDrawer) Close() error { return nil }

// Head calibrates the hidden layers and the output that were trained with the network, on
// its vectors in the store, and tests them once, as Train does with a head. It is for a
// training with TuneConfig.Hidden; model is what the store calls the tuned network, and
// its labels are those that were trained on.
func (t *Tuned) Head(ctx context.Context, db *store.DB, model string) (*Head, *Report, error) {
	if t.layers == nil {
		return nil, nil, bad("hidden layers", "none", "a training with some")
	}
	d, err := openDataset(db, []string{model})
	if err != nil {
		return nil, nil, err
	}
	if err := t.layers.check(len(d.labels), d.index(split.Training).Dim()); err != nil {
		return nil, nil, err
	}
	pool := newWorkerPool(0)
	defer pool.close()
	f := &fitting{cfg: t.config, pool: pool, events: func(Event) {}}
	f.cfg.Models = d.models
	training := d.index(split.Training)
	h, err := f.finish(ctx, d, &fitted{
		scaling: newMoments(training.Dims).scaling(ScaleNone), classifier: t.layers,
		adjust: priorShift(f.cfg, countImages([]*store.Index{training})), cfg: f.cfg,
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := h.test(ctx, db)
	return h, r, err
}
