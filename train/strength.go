package train

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"featstore/train/internal/bitexact"
)

// A strengthFitter fits a head of one kind for several strengths in ascending
// order, each starting from the solution before, and hands each to visit.
type strengthFitter func(ctx context.Context, t *table, strengths []float64, visit func(k int, l *layer)) error

// The values of C to choose from, for features of mean square length 1; they are
// divided by the real one. Values beyond either end were never better on photos.
var (
	logisticGrid = []float64{1, 3.16, 10, 31.6, 100, 316, 1000}
	svmGrid      = []float64{0.1, 0.316, 1, 3.16, 10, 31.6}
)

// strengthsFor returns the strengths to choose from for scaled images.
func strengthsFor(kind string, t *table) []float64 {
	grid := logisticGrid
	if kind == KindSVM {
		grid = svmGrid
	}
	mean := twoDigits(meanSquare(t))
	var out []float64
	for _, c := range grid {
		out = append(out, c/mean)
	}
	return out
}

// meanSquare is the mean square length of the images' features, 1 if all are zero.
func meanSquare(t *table) float64 {
	var sum float64
	for _, row := range t.rows {
		sum += squares(row)
	}
	if sum == 0 {
		return 1
	}
	return sum / float64(len(t.rows))
}

// twoDigits rounds a number to two digits, so that what follows from it is easy to
// read and does not depend on rounding errors.
func twoDigits(x float64) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 1, 64), 64)
	if err != nil {
		return x
	}
	return v
}

// A StrengthScore says how a strength did on the images left out.
type StrengthScore struct {
	Strength float64 `json:"strength"`
	Accuracy float64 `json:"accuracy"`
	LogLoss  float64 `json:"log_loss"`
}

// chooseStrength tries strengths by cross-validation on raw training images and
// returns the best: by log loss if the scores are log-probabilities, otherwise by
// accuracy; of equally good ones the smallest.
func (f *fitting) chooseStrength(ctx context.Context, t *table, fit strengthFitter, probabilistic bool) (float64, error) {
	strengths := strengthsFor(f.cfg.Kind, t.scaled(fitScaling(f.cfg.Scaling, t)))
	k := min(f.cfg.Folds, len(t.rows))
	folds := makeFolds(t.truth, t.labels, k, f.cfg.Seed, 0)
	scores, err := f.scoreStrengths(ctx, t, folds, k, strengths, fit)
	if err != nil {
		return 0, err
	}
	best := 0
	for i, s := range scores {
		better := s.Accuracy > scores[best].Accuracy
		if probabilistic {
			better = s.LogLoss < scores[best].LogLoss
		}
		if better {
			best = i
		}
	}
	f.events(StrengthChoice{Kind: f.cfg.Kind, Chosen: strengths[best], Scores: scores})
	return strengths[best], nil
}

// scoreStrengths judges every strength on every fold. The svm works on several
// folds at a time; the logistic head uses all processors for each.
func (f *fitting) scoreStrengths(ctx context.Context, t *table, folds []int, k int, strengths []float64, fit strengthFitter) ([]StrengthScore, error) {
	byFold := make([][]StrengthScore, k)
	errs := make([]error, k)
	var done atomic.Int64
	parts := 1
	each := func(part int) {
		for fold := part; fold < k; fold += parts {
			byFold[fold] = make([]StrengthScore, len(strengths))
			outside, inside := foldParts(folds, fold)
			train, test := t.subset(outside), t.subset(inside)
			s := fitScaling(f.cfg.Scaling, train)
			train, test = train.augmented().scaled(s), test.scaled(s)
			errs[fold] = fit(ctx, train, strengths, func(i int, l *layer) {
				correct, loss := judge(l, test)
				byFold[fold][i] = StrengthScore{Accuracy: float64(correct), LogLoss: loss}
				if n := done.Add(1); part == 0 { // the caller's goroutine
					f.events(Progress{fmt.Sprintf("choosing C of the %s head", f.cfg.Kind), int(n), k * len(strengths)})
				}
			})
		}
	}
	if f.cfg.Kind == KindSVM {
		parts = f.pool.parts()
		f.pool.run(each)
	} else {
		each(0)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	scores := make([]StrengthScore, len(strengths))
	for i := range scores {
		scores[i].Strength = strengths[i]
		for fold := range k {
			scores[i].Accuracy += byFold[fold][i].Accuracy / float64(len(t.rows))
			scores[i].LogLoss += byFold[fold][i].LogLoss / float64(len(t.rows))
		}
	}
	return scores, nil
}

// judge returns how many images a layer is right about, and the sum of their log
// losses.
func judge(l *layer, t *table) (correct int, loss float64) {
	z := make([]float32, t.labels)
	for i, row := range t.rows {
		l.logits(z, [][]float32{row})
		if argmax(z) == t.truth[i] {
			correct++
		}
		softmax(z)
		loss -= bitexact.Log(max(float64(z[t.truth[i]]), epsilon))
	}
	return correct, loss
}
