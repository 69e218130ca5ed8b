package train

import (
	"context"
	"fmt"
)

// A fitting is one run of fitting a head.
type fitting struct {
	cfg    Config // complete: see Config.complete
	pool   *workerPool
	events func(Event)
}

// A fitted is what has been learnt: what Head puts together.
type fitted struct {
	scaling    *scaling
	classifier classifier
	adjust     []float64 // per label, added to the scores; nil for none
	cfg        Config    // with what was chosen
}

// fitTable fits a head that is not fitted on minibatches, on raw images in memory.
func (f *fitting) fitTable(ctx context.Context, t *table) (*fitted, error) {
	if f.cfg.Plain {
		t = t.plain()
	}
	out := &fitted{cfg: f.cfg}
	if needsStrength(f.cfg.Kind) && f.cfg.Strength == 0 {
		fit, probabilistic := f.strengthFitter(labelWeights(f.cfg.Balance, t.counts()), choosing)
		strength, err := f.chooseStrength(ctx, t, fit, probabilistic)
		if err != nil {
			return nil, err
		}
		out.cfg.Strength, out.cfg.Chosen = strength, true
	}
	out.scaling = fitScaling(f.cfg.Scaling, t)
	var err error
	if out.classifier, err = f.fitScaled(ctx, t.augmented().scaled(out.scaling), &out.cfg); err != nil {
		return nil, err
	}
	out.adjust = priorShift(f.cfg, t.counts())
	return out, out.usable()
}

// usable reports numbers that got out of hand.
func (f *fitted) usable() error {
	switch {
	case f.scaling.finite() && f.classifier.finite():
		return nil
	case onMinibatches(f.cfg.Kind):
		return fmt.Errorf("%w: choose a lower learning rate than %v", ErrDiverged, f.cfg.Rate)
	}
	return errScaling()
}

// errScaling is about numbers that no scaled feature or weight can be.
func errScaling() error {
	return fmt.Errorf("%w: the features are too large or too small for float32: choose another scaling", ErrDiverged)
}

// fitDescent fits a head on minibatches.
func (f *fitting) fitDescent(ctx context.Context, d *descentData) (*fitted, error) {
	if !d.scaling.finite() {
		return nil, errScaling()
	}
	out := &fitted{scaling: d.scaling, adjust: priorShift(f.cfg, countImages(d.training)), cfg: f.cfg}
	var err error
	if f.cfg.Kind == KindMLP {
		out.classifier, err = f.fitMLP(ctx, d)
	} else {
		out.classifier, err = f.fitSoftmax(ctx, d)
	}
	if err != nil {
		return nil, err
	}
	return out, out.usable()
}

// head returns a head that is not calibrated yet.
func (f *fitted) head(labels []string) *Head {
	dim := 0
	for _, n := range f.scaling.Blocks {
		dim += n
	}
	return &Head{
		Kind: f.cfg.Kind, Labels: labels, Dim: dim, Config: f.cfg, Temperature: 1, Shift: f.adjust,
		Test: NewProportion(0, 0), scaling: f.scaling, classifier: f.classifier,
	}
}

// fitScaled fits the classifier on scaled images. It notes what it chose in cfg.
func (f *fitting) fitScaled(ctx context.Context, t *table, cfg *Config) (classifier, error) {
	switch cfg.Kind {
	case KindLogistic, KindSVM:
		var last *layer
		fit, _ := f.strengthFitter(labelWeights(cfg.Balance, t.counts()), final)
		err := fit(ctx, t, []float64{cfg.Strength}, func(_ int, l *layer) { last = l })
		return last, err
	case KindBayes:
		return fitBayes(t, varianceSmoothing, f.pool), nil
	case KindLDA:
		return fitLDA(t, f.pool)
	case KindKNN:
		c := fitKNN(t, cfg.Neighbours, f.pool)
		cfg.Neighbours, cfg.Chosen = c.k, cfg.Neighbours == 0
		return c, nil
	case KindCentroid:
		return fitCentroid(t, f.pool), nil
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownKind, cfg.Kind)
}

// needsStrength tells whether a kind of head has a strength C.
func needsStrength(kind string) bool { return kind == KindLogistic || kind == KindSVM }

// A precision says how near to the optimum a head is fitted.
type precision struct {
	logistic float64 // largest element of the gradient, for features of length 1
	svm      float64 // largest violation of a margin
	passes   int     // most passes of the svm over the images
}

// Which strength is best shows long before the optimum is reached.
var (
	choosing = precision{logistic: 1e-4, svm: 1e-2, passes: 100}
	final    = precision{logistic: 1e-6, svm: 1e-3, passes: 1000}
)

// strengthFitter returns how to fit the kind for several strengths, C of an image, and whether
// its scores are log-probabilities.
func (f *fitting) strengthFitter(weights []float64, p precision) (fit strengthFitter, probabilistic bool) {
	if f.cfg.Kind == KindSVM {
		return func(ctx context.Context, t *table, strengths []float64, visit func(int, *layer)) error {
			var state *svmState
			for i, c := range t.perRow(strengths) {
				l, next, err := fitSVM(ctx, t, svmOptions{strength: c, weights: weights, tolerance: p.svm, passes: p.passes, seed: f.cfg.Seed}, state)
				if err != nil {
					return err
				}
				state = next
				visit(i, l)
			}
			return nil
		}, false
	}
	return func(ctx context.Context, t *table, strengths []float64, visit func(int, *layer)) error {
		var state *logisticState
		for i, c := range t.perRow(strengths) {
			l, next, err := fitLogistic(ctx, t, c, weights, p.logistic, f.pool, state)
			if err != nil {
				return err
			}
			state = next
			visit(i, l)
		}
		return nil
	}, true
}
