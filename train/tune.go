package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"featstore/train/internal/optimize"
)

// A Tunable is what lies above a cut of a network, in training: it computes bottlenecks
// from activations at the cut and, given the gradient of a loss by them, adds to the
// gradient of its weights.
type Tunable interface {
	Images() int // most images at a time
	CutLen() int // activations of an image
	Dim() int    // features of a bottleneck
	// Forward computes the bottlenecks, N×Dim, of N images.
	Forward(ctx context.Context, x [][]float32, out []float32) error
	// Backward takes the gradient by the bottlenecks of the last Forward, N×Dim.
	Backward(ctx context.Context, gradient []float32) error
	// Update makes the network compute with the present values of the weights.
	Update()
	// Weights returns what is trained, from the cut to the bottleneck.
	Weights() []TunedWeights
}

// TunedWeights are some weights of a Tunable that belong together. Tune changes Values,
// and clears Gradient once it has read it.
type TunedWeights struct {
	Name             string
	Values, Gradient []float32
	Bias             bool // a bias or a scale: it does not decay
}

// TunePhotos are images given by their activations at the cut.
type TunePhotos struct {
	Truth []int                            // the label of each
	Read  func(i int, dst []float32) error // the activations of one, CutLen numbers

	// Upcoming, if not nil, is told before each epoch, from 1 on, in which order its images
	// will be read, each once. Before the first epoch, and for validation, it is epoch 0
	// and the order that of their numbers. The slice must not be kept or changed
	// beyond the epoch.
	Upcoming func(epoch int, order []int)
}

func (p TunePhotos) upcoming(epoch int, order []int) {
	if p.Upcoming != nil {
		p.Upcoming(epoch, order)
	}
}

// A TuneConfig holds the settings of Tune. DefaultTuneConfig returns the defaults.
type TuneConfig struct {
	Epochs    int     `json:"epochs"`
	Batch     int     `json:"batch"`
	Optimizer string  `json:"optimizer"`    // OptimizerAdamW or OptimizerSGD
	Rate      float64 `json:"rate"`         // the highest, of the layers near the bottleneck
	Lowest    float64 `json:"lowest"`       // share of the rate that the layer at the cut has
	Warmup    float64 `json:"warmup"`       // share of the steps in which the rate rises
	Decay     float64 `json:"weight_decay"` // of weights, not of biases
	Clip      float64 `json:"clip"`         // longest gradient
	Smoothing float64 `json:"smoothing"`    // of labels, 0 to 1
	Dropout   float64 `json:"dropout"`      // share of each new layer's inputs that is left out
	Mixup     float64 `json:"mixup"`        // α of the Beta distribution; 0 for none
	Balance   string  `json:"balance"`      // BalanceNone or BalanceWeights
	Patience  int     `json:"patience"`     // epochs without a lower validation loss after which to end; 0 for never
	Hidden    []int   `json:"hidden"`       // units of hidden layers between bottleneck and output, from the bottleneck on; none
	Seed      uint64  `json:"seed"`

	// Enough, if not nil, is asked after each epoch whether to end here.
	Enough func(epoch int) bool `json:"-"`

	// Checkpoint, if not nil, is given the whole state after each epoch. Resume is such a
	// state, to go on from.
	Checkpoint func(state []byte) error `json:"-"`
	Resume     []byte                   `json:"-"`
}

// Optimizers of Tune.
const (
	OptimizerAdamW = "adamw"
	OptimizerSGD   = "sgd" // stochastic gradient descent with momentum 0.9
)

// DefaultTuneRate is the learning rate that suits an optimizer.
func DefaultTuneRate(optimizer string) float64 {
	if optimizer == OptimizerSGD {
		return 0.01
	}
	return 5e-4
}

// DefaultTuneConfig returns settings that suit thousands of photos: 6 epochs of AdamW at
// rate 5e-4 with weight decay 0.05, mixup 0.2 (Zhang et al. 2018), label smoothing 0.1
// and dropout 0.2.
func DefaultTuneConfig() TuneConfig {
	return TuneConfig{
		Epochs: 6, Batch: 32, Optimizer: OptimizerAdamW, Rate: DefaultTuneRate(OptimizerAdamW), Lowest: 0.5, Warmup: 0.2, Decay: 0.05, Clip: 1,
		Smoothing: 0.1, Dropout: 0.2, Mixup: 0.2, Balance: BalanceNone, Patience: 3,
	}
}

// Validate reports the first setting that is out of range.
func (c TuneConfig) Validate() error {
	switch {
	case c.Epochs < 1:
		return bad("epochs", c.Epochs, "at least 1")
	case c.Batch < 1 || c.Batch > maxBatch:
		return bad("batch", c.Batch, fmt.Sprintf("1 to %d images", maxBatch))
	case c.Optimizer != OptimizerAdamW && c.Optimizer != OptimizerSGD:
		return bad("optimizer", c.Optimizer, "adamw or sgd")
	case c.Patience < 0:
		return bad("patience", c.Patience, "0 or more epochs")
	case !(c.Rate > 0) || math.IsInf(c.Rate, 1):
		return bad("learning rate", c.Rate, "a number above 0, such as 0.0005")
	case !(c.Lowest > 0 && c.Lowest <= 1):
		return bad("share of the rate at the cut", c.Lowest, "above 0, at most 1")
	case !shareBelowOne(c.Warmup):
		return bad("warm-up", c.Warmup, "0 or more, below 1")
	case !shareBelowOne(c.Decay):
		return bad("weight decay", c.Decay, "0 or more, below 1")
	case !(c.Clip > 0):
		return bad("longest gradient", c.Clip, "above 0")
	case !shareBelowOne(c.Smoothing):
		return bad("label smoothing", c.Smoothing, "0 or more, below 1")
	case !shareBelowOne(c.Dropout):
		return bad("dropout", c.Dropout, "0 or more, below 1")
	case !(c.Mixup >= 0 && c.Mixup <= 1):
		return bad("mixup", c.Mixup, "0 to 1")
	case c.Balance != BalanceNone && c.Balance != BalanceWeights:
		return bad("balance", c.Balance, "weights or none")
	}
	return validateHidden(c.Hidden)
}

// A TuneProgress is told after each step; Accuracy and ValidationLoss only at an epoch's
// end, and only where there are validation images.
type TuneProgress struct {
	Epoch          int        `json:"epoch"` // from 1 on
	Epochs         int        `json:"epochs"`
	Step           int        `json:"step"` // of all
	Steps          int        `json:"steps"`
	Loss           float64    `json:"loss"`  // of the last minibatch
	Ended          bool       `json:"ended"` // the epoch
	Accuracy       Proportion `json:"validation"`
	ValidationLoss float64    `json:"validation_loss"`
}

// String returns a line.
func (p TuneProgress) String() string {
	s := fmt.Sprintf("Epoch %d of %d: loss %.3f", p.Epoch, p.Epochs, p.Loss)
	if p.Accuracy.Total > 0 {
		s += fmt.Sprintf(", validation accuracy = %.1f%% (%d of %d)", 100*p.Accuracy.Share, p.Accuracy.Correct, p.Accuracy.Total)
	}
	return s
}

// What Tune tells of by Progress events, before its epochs.
const (
	ProgressBottlenecks = "bottlenecks" // of the network as it is, in images
	ProgressNewLayers   = "new layers"  // hidden ones and the output, in steps
)

// A Tuned is the result of Tune, whose weights are in the Tunable.
type Tuned struct {
	Epoch    int        `json:"epoch"`      // whose weights were kept
	Accuracy Proportion `json:"validation"` // then

	layers *mlp // hidden layers and output; nil without hidden layers
	config Config
}

// Streams of random numbers of the tuning.
const (
	streamTuneOrder = 100 + iota
	streamTuneMixup
	streamTuneDropout
)

// Tune trains a new layer on the frozen bottlenecks to convergence, or several as the mlp
// head is trained, and then these and the network together, on softmax cross-entropy. It
// leaves in the network the moving average of the weights as it was after the epoch with the lowest loss on the validation
// images; without any, after the last epoch. Validation images take no other part.
//
// The same photos, settings and network give the same weights.
func Tune(ctx context.Context, net Tunable, labels int, training, validation TunePhotos, cfg TuneConfig, events func(Event)) (*Tuned, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(training.Truth) == 0 {
		return nil, fmt.Errorf("%w: the training split is empty", ErrNoImages)
	}
	if labels < 2 {
		return nil, fmt.Errorf("%w: a classifier needs two or more", ErrOneLabel)
	}
	if events == nil {
		events = func(Event) {}
	}
	t := newTuner(net, labels, training, validation, cfg)
	defer t.pool.close()
	var err error
	if cfg.Resume != nil {
		err = t.restore(cfg.Resume)
	} else {
		err = t.firstLayer(ctx, events)
	}
	if err != nil {
		return nil, err
	}
	for !t.finished() {
		if err := t.runEpoch(ctx, events); err != nil {
			return nil, err
		}
	}
	t.takeBest()
	net.Update()
	tuned := &Tuned{Epoch: t.bestAt, Accuracy: t.bestAccuracy}
	if len(cfg.Hidden) > 0 {
		tuned.layers, tuned.config = t.head, cfg.headConfig()
	}
	return tuned, nil
}

// finished reports whether no epoch is to follow.
func (t *tuner) finished() bool {
	patience := t.cfg.Patience
	switch {
	case t.epoch == 0:
		return false
	case t.epoch >= t.cfg.Epochs, t.cfg.Enough != nil && t.cfg.Enough(t.epoch):
		return true
	}
	return patience > 0 && len(t.validation.Truth) > 0 && t.epoch-t.bestAt >= patience
}

// A tuner is one run of Tune.
type tuner struct {
	net                  Tunable
	cfg                  TuneConfig
	training, validation TunePhotos
	labels               int
	labelWeights         []float64
	pool                 *workerPool

	head *mlp // the new layers
	cycle

	epoch    int // done
	batch    *tuneBatch
	backprop *backprop // of the head
	targets  targets
}

func newTuner(net Tunable, labels int, training, validation TunePhotos, cfg TuneConfig) *tuner {
	t := &tuner{net: net, cfg: cfg, training: training, validation: validation, labels: labels, pool: newWorkerPool(0),
		head: newMLP(net.Dim(), cfg.Hidden, labels)}
	counts := make([]int, labels)
	for _, y := range training.Truth {
		counts[y]++
	}
	t.labelWeights = labelWeights(cfg.Balance, counts)
	t.targets = newTargets(labels, cfg.Smoothing, t.labelWeights)
	images := min(net.Images(), cfg.Batch)
	t.batch = newTuneBatch(images, min(cfg.Batch, max(len(training.Truth), 1)), net)
	t.backprop = newBackprop(t.head, images, cfg.Dropout, t.pool)
	t.cycle = newCycle(t.weights(), cfg.Rate, cfg.Warmup, cfg.Decay, cfg.Clip, cfg.Epochs*t.stepsAnEpoch(), t.pool)
	if cfg.Optimizer == OptimizerSGD {
		t.descend(cfg.Decay, t.pool)
	}
	return t
}

// weights returns all that is trained, from the cut to the logits.
func (t *tuner) weights() []optimize.Group {
	var groups []optimize.Group
	weights := t.net.Weights()
	for i, w := range weights {
		rate := 1.0
		if n := len(weights) - 1; n > 0 {
			rate = t.cfg.Lowest + float64((1-t.cfg.Lowest)*float64(i))/float64(n)
		}
		groups = append(groups, optimize.Group{Name: w.Name, Values: w.Values, Gradient: w.Gradient, Rate: rate, Decay: !w.Bias})
	}
	return append(groups, t.head.groups(t.backprop.gradient)...)
}

// stepsAnEpoch is how many minibatches an epoch has, the last one perhaps a small one.
func (t *tuner) stepsAnEpoch() int { return (len(t.training.Truth) + t.cfg.Batch - 1) / t.cfg.Batch }

// firstLayerStrength is C of the new layer's first fit, for features of length 1.
const firstLayerStrength = 30

// firstLayer fits the new layer, or layers, on the bottlenecks of the network as it is.
func (t *tuner) firstLayer(ctx context.Context, events func(Event)) error {
	table, err := t.bottleneckTable(ctx, t.training, events)
	if err != nil {
		return err
	}
	defer t.restart()
	if len(t.cfg.Hidden) > 0 {
		return t.firstLayers(ctx, table, events)
	}
	strength := firstLayerStrength / math.Max(meanSquare(table), 1e-30)
	l, _, err := fitLogistic(ctx, table, strength, t.labelWeights, 1e-4, t.pool, nil)
	if err != nil {
		return err
	}
	copy(t.head.output().weights, l.weights)
	copy(t.head.output().bias, l.bias)
	return nil
}

// bottleneckTable computes the bottlenecks of images into memory.
func (t *tuner) bottleneckTable(ctx context.Context, photos TunePhotos, events func(Event)) (*table, error) {
	table := &table{labels: t.labels, dims: []int{t.net.Dim()}}
	table.allocate(len(photos.Truth), t.net.Dim())
	copy(table.truth, photos.Truth)
	err := t.bottlenecks(ctx, photos, func(i int, x []float32) {
		copy(table.rows[i], x)
		events(Progress{ProgressBottlenecks, i + 1, len(photos.Truth)})
	})
	if err != nil {
		return nil, err
	}
	for _, row := range table.rows {
		if !allFinite(row) {
			return nil, fmt.Errorf("%w: the network computes numbers that are not finite", ErrNotFinite)
		}
	}
	return table, nil
}

// bottlenecks computes the bottleneck of each image, in order.
func (t *tuner) bottlenecks(ctx context.Context, photos TunePhotos, use func(i int, x []float32)) error {
	b, dim := t.batch, t.net.Dim()
	photos.upcoming(0, numbers(len(photos.Truth)))
	for lo := 0; lo < len(photos.Truth); lo += len(b.x) {
		x := b.x[:min(len(b.x), len(photos.Truth)-lo)]
		for i := range x {
			if err := photos.Read(lo+i, x[i]); err != nil {
				return err
			}
		}
		if err := t.net.Forward(ctx, x, b.features[:len(x)*dim]); err != nil {
			return err
		}
		for i := range x {
			use(lo+i, b.features[i*dim:(i+1)*dim])
		}
	}
	return nil
}

// runEpoch trains on each image once, and looks at the validation images.
func (t *tuner) runEpoch(ctx context.Context, events func(Event)) error {
	order := numbers(len(t.training.Truth))
	at := func(stream uint64) *rand.PCG { return rand.NewPCG(t.cfg.Seed, stream<<32|uint64(t.epoch)) }
	shuffle(at(streamTuneOrder), order)
	t.training.upcoming(t.epoch+1, order)
	mixup, dropout := at(streamTuneMixup), at(streamTuneDropout)
	step := t.epoch * t.stepsAnEpoch()
	p := TuneProgress{Epoch: t.epoch + 1, Epochs: t.cfg.Epochs, Steps: t.steps}
	for lo := 0; lo < len(order); lo += t.cfg.Batch {
		loss, err := t.step(ctx, order[lo:min(lo+t.cfg.Batch, len(order))], mixup, dropout)
		if err != nil {
			return err
		}
		if err := t.move(step, loss); err != nil {
			return fmt.Errorf("epoch %d: %w", p.Epoch, err)
		}
		t.net.Update()
		step++
		p.Step, p.Loss = step, loss
		if lo+t.cfg.Batch < len(order) {
			events(p)
		}
	}
	t.epoch++
	if err := t.lookAt(ctx, &p); err != nil {
		return err
	}
	if t.cfg.Checkpoint != nil {
		state, err := t.state()
		if err == nil {
			err = t.cfg.Checkpoint(state)
		}
		if err != nil {
			return err
		}
	}
	p.Ended = true
	events(p)
	return nil
}

// numbers returns 0 to n−1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// lookAt measures the averaged weights on the validation images, and keeps them if they
// are the best so far.
func (t *tuner) lookAt(ctx context.Context, p *TuneProgress) (err error) {
	defer t.net.Update()
	p.Accuracy, p.ValidationLoss, err = t.look(t.epoch, func() (Proportion, float64, error) {
		t.net.Update()
		return t.validate(ctx)
	})
	return err
}

// validate returns accuracy and mean cross-entropy on the validation images.
func (t *tuner) validate(ctx context.Context) (Proportion, float64, error) {
	n := len(t.validation.Truth)
	logits := make([]float32, n*t.labels)
	err := t.bottlenecks(ctx, t.validation, func(i int, x []float32) {
		t.head.logits(logits[i*t.labels:(i+1)*t.labels], [][]float32{x})
	})
	if err != nil || n == 0 {
		return Proportion{}, 0, err
	}
	return accuracyOf(logits, t.validation.Truth), crossEntropy(logits, t.validation.Truth), nil
}

// accuracyOf returns how many of the rows of logits, N×C, are highest at their label.
func accuracyOf(logits []float32, truth []int) Proportion {
	labels, correct := len(logits)/len(truth), 0
	for i, y := range truth {
		if argmax(logits[i*labels:(i+1)*labels]) == y {
			correct++
		}
	}
	return NewProportion(correct, len(truth))
}
