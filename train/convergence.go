package train

import (
	"context"
	"fmt"
	"slices"

	"featstore/split"
	"featstore/store"
	"featstore/train/internal/bitexact"
)

// An Unconverged tells that a softmax head was not trained to the end: some steps of a
// stronger method lower its cross-entropy on the images it was trained on by much, and on
// those of the validation split by more than chance explains. Heads that are fitted to the
// end are likely to be better then.
type Unconverged struct {
	Steps      int      `json:"steps"`  // that the head was trained for
	Images     int      `json:"images"` // of the validation split
	Training   LossDrop `json:"training"`
	Validation LossDrop `json:"validation"` // at the temperatures that suit the split best
	P          float64  `json:"p"`          // probability of such a fall on Images if there is none
}

// A LossDrop is the mean cross-entropy of images, in nats.
type LossDrop struct {
	Before float64 `json:"before"` // as the head was trained
	After  float64 `json:"after"`  // fitted further
}

// String returns a line.
func (u *Unconverged) String() string {
	return fmt.Sprintf("the head has not converged after %s: fitted a little further, its cross-entropy on %s falls from %.2f to %.2f (paired test, p %s)",
		choose(u.Steps, "1 step", fmt.Sprintf("%d steps", u.Steps)), images(u.Images, "validation "), u.Validation.Before, u.Validation.After, atMost(u.P))
}

// atMost writes a probability as "= 0.02" or "< 0.001".
func atMost(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("= %.2g", p)
}

// The bounds were chosen on photos of flowers, letters in many fonts and synthetic data, of
// 5 to 100 labels and at several rates. The loss of heads that converge falls by at most
// 0.04 nats on the training images, and often rises, as the further fit has a penalty; that
// of heads that are worse than a logistic one on testing images falls by 0.2 to 0.6.
const (
	furtherRows       = 10000 // no more are fitted further, which takes as long as 1,100 steps
	furtherIterations = 10    // fewer do not come so far that unseen images show it
	furtherStrength   = 31.6  // C, of images of mean square length 1: the middle of logisticGrid
	leastFall         = 0.1   // nats, on the training images
	leastSure         = 0.05  // of P
)

// unconverged tells whether a softmax head that was just trained has not converged. It is nil
// if it has, or if nothing shows that it has not: there may be too few validation images,
// or too many training images to find out soon. A sample of them would not do: fitted to a
// part of the images a head is worse than one that has seen all.
func (h *Head) unconverged(ctx context.Context, db *store.DB, events func(Event)) (*Unconverged, error) {
	d, err := openDataset(db, h.Models)
	if err != nil || !slices.Equal(d.labels, h.Labels) {
		return nil, err
	}
	training, validation := d.index(split.Training), d.index(split.Validation)
	rows := training.Len()
	if !h.Config.Plain {
		rows += training.LenViews()
	}
	if validation.Len() < enoughToCalibrate || rows > furtherRows {
		return nil, nil
	}
	t, err := readTable(ctx, db, training)
	if err == nil && !h.Config.Plain {
		err = t.readViews(ctx, db, training)
	}
	if err != nil {
		return nil, err
	}
	u := &Unconverged{Steps: h.Config.Steps, Images: validation.Len(), P: 1}
	further, err := h.fitFurther(ctx, t.augmented().scaled(h.scaling), u, events)
	if further == nil || err != nil {
		return nil, err
	}
	if err := u.compare(ctx, db, h, further, validation); err != nil || u.P >= leastSure {
		return nil, err
	}
	return u, nil
}

// fitFurther fits the head further to its own training images, and notes their loss. It
// returns nil if that does not fall by much.
func (h *Head) fitFurther(ctx context.Context, t *table, u *Unconverged, events func(Event)) (*Head, error) {
	pool := newWorkerPool(0)
	defer pool.close()
	balance := h.Config.Balance
	if balance == BalanceSampler {
		balance = BalanceWeights // the same in the mean
	}
	o := newLogistic(t, t.perRow([]float64{furtherStrength / meanSquare(t)})[0], labelWeights(balance, t.counts()), pool)
	x := parametersOf(h.classifier.(*layer))
	g := make([]float64, len(x))
	o.at(x, g)
	if u.Training.Before = o.loss(); u.Training.Before < leastFall {
		return nil, nil
	}
	looks := 0
	m := &lbfgs{iterations: furtherIterations, f: func(x, g []float64) float64 {
		looks = min(looks+1, furtherIterations+1) // a look for each, and one more where a step was too long
		events(Progress{"looking whether it has converged", looks, furtherIterations + 1})
		return o.at(x, g)
	}}
	if _, err := m.minimise(ctx, x); err != nil {
		return nil, err
	}
	o.at(x, g)
	if u.Training.After = o.loss(); !(u.Training.After <= u.Training.Before-leastFall) {
		return nil, nil
	}
	further := *h
	l := o.layerAt(x)
	further.classifier = &l
	return &further, nil
}

// loss is the mean cross-entropy at the point that was looked at last.
func (o *logistic) loss() float64 {
	sum := 0.0
	for k := range o.groups {
		sum += o.groups[k].loss
	}
	return sum
}

// compare notes the losses of both heads on the validation split, and tests whether the
// second one's are lower: Student's t-test of the differences, image by image.
func (u *Unconverged) compare(ctx context.Context, db *store.DB, before, after *Head, validation *store.Index) error {
	a, err := calibratedLosses(ctx, db, before, validation)
	if err != nil {
		return err
	}
	b, err := calibratedLosses(ctx, db, after, validation)
	if err != nil {
		return err
	}
	falls := make([]float64, len(a))
	n := float64(len(a))
	for i := range a {
		u.Validation.Before += a[i] / n
		u.Validation.After += b[i] / n
		falls[i] = a[i] - b[i]
	}
	if s := summarise(falls, 0); s.mean > 0 {
		u.P = s.p
	}
	return nil
}

// calibratedLosses returns the cross-entropy of each image of an index, at the temperature
// that suits these images best: so that heads of different temperatures compare.
func calibratedLosses(ctx context.Context, db *store.DB, h *Head, ix *store.Index) ([]float64, error) {
	scores, truth, err := scoresOf(ctx, db, h, ix)
	if err != nil {
		return nil, err
	}
	calibrated := *h
	calibrated.calibrate(scores, truth)
	losses := make([]float64, len(truth))
	for i, y := range truth {
		z := scores[i*len(h.Labels) : (i+1)*len(h.Labels)]
		calibrated.probabilities(z)
		losses[i] = -bitexact.Log(max(z[y], epsilon))
	}
	return losses, nil
}
