package train

import (
	"context"
	"math/rand/v2"

	"featstore/store"
)

// Settings of the mlp's training that hardly anybody changes.
const (
	mlpWarmup = 0.2 // share of the steps in which the rate rises
	mlpClip   = 1   // longest gradient
)

// fitMLP trains hidden layers and an output layer on minibatches.
func (f *fitting) fitMLP(ctx context.Context, d *descentData) (*mlp, error) {
	validation, err := d.readValidation(ctx)
	if err != nil {
		return nil, err
	}
	t := &mlpTraining{cfg: f.cfg, pool: f.pool, events: f.events, validation: validation,
		net:     newMLP(d.training[0].Dim(), f.cfg.Hidden, len(d.training[0].Labels)),
		weights: labelWeights(f.cfg.Balance, countImages(d.training)),
		open:    func() (drawer, error) { return openDrawer(d.db, d.training, f.cfg.Balance, d.scaling) }}
	return t.net, t.run(ctx)
}

// readValidation reads the scaled validation images into memory.
func (d *descentData) readValidation(ctx context.Context) (*table, error) {
	if d.validation == nil {
		return &table{}, nil
	}
	t, err := readTable(ctx, d.db, d.validation)
	if err != nil {
		return nil, err
	}
	return t.scaled(d.scaling), nil
}

// An mlpTraining trains a perceptron. It leaves in it the moving average of the weights as
// it was when its loss on the validation images was lowest; without any, the last one.
type mlpTraining struct {
	net        *mlp
	cfg        Config
	weights    []float64              // per label, nil for all 1
	open       func() (drawer, error) // of scaled training images
	validation *table                 // scaled; may have no images
	length     float64                // root mean square of the features; 0 for about 1
	pool       *workerPool
	events     func(Event)
}

func (t *mlpTraining) run(ctx context.Context) error {
	t.net.initialise(rand.New(source(t.cfg.Seed, streamWeights)))
	if first := t.net.layers[0].weights; t.length > 0 {
		for i := range first {
			first[i] /= float32(t.length)
		}
	}
	b := newBackprop(t.net, t.cfg.Batch, t.cfg.Dropout, t.pool)
	c := newCycle(t.net.groups(b.gradient), t.cfg.Rate, mlpWarmup, t.cfg.Decay, mlpClip, t.cfg.Steps, t.pool)
	feed, err := newFeed(t.open, source(t.cfg.Seed, streamTraining), t.cfg.Batch, t.cfg.Steps)
	if err != nil {
		return err
	}
	err = t.descend(ctx, b, &c, feed)
	if err2 := feed.close(); err == nil {
		err = err2
	}
	if err == nil {
		c.takeBest()
	}
	return err
}

// descend takes the steps.
func (t *mlpTraining) descend(ctx context.Context, b *backprop, c *cycle, feed *feed) error {
	targets := newTargets(len(t.net.output().bias), t.cfg.Smoothing, t.weights)
	dropout := source(t.cfg.Seed, streamDropout)
	for step := 1; step <= t.cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := feed.next()
		if err != nil {
			return err
		}
		v := Validation{Step: step, Steps: t.cfg.Steps, Whole: true}
		v.TrainAccuracy, v.TrainLoss = mlpStep(b, &targets, m.Batch, dropout)
		if v.TrainLoss-v.TrainLoss != 0 {
			return whyNotFinite(m.Batch, step)
		}
		feed.release(m)
		if err := c.move(step-1, v.TrainLoss); err != nil {
			return err
		}
		if step%t.cfg.EvalEvery != 0 && step != t.cfg.Steps {
			continue
		}
		if v.Accuracy, v.Loss, err = c.look(step, t.validate); err != nil {
			return err
		}
		t.events(v)
	}
	return nil
}

// mlpStep adds the gradient of a minibatch's mean loss, and returns how it did.
func mlpStep(b *backprop, targets *targets, batch *store.Batch, dropout rand.Source) (accuracy Proportion, loss float64) {
	z := b.forward(batch.Rows, dropout)
	accuracy = accuracyOf(z, batch.Labels)
	labels := len(z) / len(batch.Rows)
	for i, y := range batch.Labels {
		loss += targets.lossAndGradient(z[i*labels:(i+1)*labels], y, y, 1, len(batch.Rows))
	}
	b.backward(false)
	return accuracy, loss
}

// validate returns accuracy and mean cross-entropy on the validation images.
func (t *mlpTraining) validate() (Proportion, float64, error) {
	n, labels := len(t.validation.rows), len(t.net.output().bias)
	if n == 0 {
		return Proportion{}, 0, nil
	}
	logits := make([]float32, n*labels)
	t.net.logits(logits, t.validation.rows)
	return accuracyOf(logits, t.validation.truth), crossEntropy(logits, t.validation.truth), nil
}
