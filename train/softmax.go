package train

import (
	"context"
	"fmt"
	"math/rand/v2"

	"featstore/store"
)

// Streams of random numbers: each purpose has its own, so that looking at the
// validation split more often does not change what is trained.
const (
	streamWeights = iota + 1
	streamTraining
	streamValidation
	streamFolds
	streamCurve
	streamPrototypes
	streamDropout
	streamClusters
	streamProjection
)

func source(seed, stream uint64) *rand.PCG { return rand.NewPCG(seed, stream) }

// An descentData is what a softmax head is trained and watched on.
type descentData struct {
	db         *store.DB
	training   []*store.Index // together; with the same labels
	validation *store.Index   // may have no images
	scaling    *scaling
}

// fitSoftmax trains the article's head.
func (f *fitting) fitSoftmax(ctx context.Context, d *descentData) (*layer, error) {
	cfg := f.cfg
	labels := len(d.training[0].Labels)
	l := newLayer(labels, d.training[0].Dim())
	l.initialise(rand.New(source(cfg.Seed, streamWeights)), cfg.Deviation)
	watch, err := newWatch(d, cfg)
	if err != nil {
		return nil, err
	}
	defer watch.close()
	open := func() (drawer, error) { return openDrawer(d.db, d.training, cfg.Balance, d.scaling) }
	feed, err := newFeed(open, source(cfg.Seed, streamTraining), cfg.Batch, cfg.Steps)
	if err != nil {
		return nil, err
	}
	s := newSGD(l, cfg.Rate, cfg.Batch, f.pool)
	s.labelWeights = labelWeights(cfg.Balance, countImages(d.training))
	err = descend(ctx, s, feed, watch, cfg, f.events)
	if err2 := feed.close(); err == nil {
		err = err2
	}
	if err != nil {
		return nil, err
	}
	return &s.layer, nil
}

// countImages returns the number of images of each label in all parts.
func countImages(parts []*store.Index) []int {
	n := make([]int, len(parts[0].Labels))
	for _, ix := range parts {
		for l, keys := range ix.Keys {
			n[l] += len(keys)
		}
	}
	return n
}

// descend takes the steps.
func descend(ctx context.Context, s *sgd, f *feed, w *watch, cfg Config, events func(Event)) error {
	for step := 1; step <= cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := f.next()
		if err != nil {
			return err
		}
		look := step%cfg.EvalEvery == 0 || step == cfg.Steps
		var v Validation
		if look {
			v = Validation{Step: step, Steps: cfg.Steps}
			v.TrainAccuracy, v.TrainLoss = w.measure(&s.layer, m.Batch)
		}
		if !s.step(m.Rows, m.Labels) {
			return whyNotFinite(m.Batch, step)
		}
		f.release(m)
		if !look {
			continue
		}
		if err := w.validate(&s.layer, &v); err != nil {
			return err
		}
		events(v)
	}
	return nil
}

// whyNotFinite explains a step that gave no number.
func whyNotFinite(b *store.Batch, step int) error {
	for i, row := range b.Rows {
		if err := requireFinite(row, b.Digests[i]); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	return fmt.Errorf("step %d: %w: choose a lower learning rate", step, ErrDiverged)
}

// A watch measures the head while it is trained.
type watch struct {
	drawer drawer // nil where the validation split is empty
	src    rand.Source
	n      int
	logits []float32
}

func newWatch(d *descentData, cfg Config) (*watch, error) {
	labels := len(d.training[0].Labels)
	w := &watch{src: source(cfg.Seed, streamValidation), n: cfg.EvalBatch, logits: make([]float32, max(cfg.EvalBatch, cfg.Batch)*labels)}
	if d.validation == nil || d.validation.Len() == 0 {
		return w, nil
	}
	var err error
	w.drawer, err = openDrawer(d.db, []*store.Index{d.validation}, BalanceSampler, d.scaling)
	return w, err
}

func (w *watch) close() {
	if w.drawer != nil {
		w.drawer.Close()
	}
}

// validate draws images from the validation split as the article draws minibatches
// and notes how the layer does on them.
func (w *watch) validate(l *layer, v *Validation) error {
	if w.drawer == nil {
		return nil
	}
	b, err := w.drawer.Draw(w.src, w.n)
	if err != nil {
		return err
	}
	v.Accuracy, v.Loss = w.measure(l, b)
	return nil
}

// measure returns accuracy and mean cross-entropy of a layer on a batch.
func (w *watch) measure(l *layer, b *store.Batch) (Proportion, float64) {
	labels := len(l.bias)
	logits := w.logits[:len(b.Rows)*labels]
	l.logits(logits, b.Rows)
	return accuracyOf(logits, b.Labels), crossEntropy(logits, b.Labels)
}
