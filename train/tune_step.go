package train

import (
	"context"
	"math/rand/v2"

	"featstore/train/internal/bitexact"
)

// A tuneBatch is memory for a minibatch, and for as many of its images as are computed at
// a time.
type tuneBatch struct {
	images   [][]float32 // activations of the minibatch
	x        [][]float32 // of those that are computed
	features []float32   // N×D
	rows     [][]float32 // of features
}

func newTuneBatch(computed, images int, net Tunable) *tuneBatch {
	b := &tuneBatch{features: make([]float32, computed*net.Dim())}
	b.images = cutRows(make([]float32, images*net.CutLen()), net.CutLen())
	b.x = cutRows(make([]float32, computed*net.CutLen()), net.CutLen())
	b.rows = cutRows(b.features, net.Dim())
	return b
}

// step adds the gradient of a minibatch's mean loss, and returns the loss. With mixup
// each image is mixed with the one that stands across from it in the minibatch.
func (t *tuner) step(ctx context.Context, batch []int, mixup, dropout rand.Source) (loss float64, err error) {
	for i, image := range batch {
		if err := t.training.Read(image, t.batch.images[i]); err != nil {
			return 0, err
		}
	}
	lambda := 1.0
	if t.cfg.Mixup > 0 {
		lambda = beta(mixup, t.cfg.Mixup)
	}
	for lo := 0; lo < len(batch); lo += len(t.batch.x) {
		l, err := t.piece(ctx, batch, lo, min(lo+len(t.batch.x), len(batch)), lambda, dropout)
		if err != nil {
			return 0, err
		}
		loss += l
	}
	return loss, nil
}

// piece computes the images from lo to hi of a minibatch, forth and back.
func (t *tuner) piece(ctx context.Context, batch []int, lo, hi int, lambda float64, dropout rand.Source) (loss float64, err error) {
	b, dim, n := t.batch, t.net.Dim(), hi-lo
	across := func(i int) int { return len(batch) - 1 - i }
	for i := lo; i < hi; i++ {
		mix(b.x[i-lo], b.images[i], b.images[across(i)], lambda)
	}
	if err := t.net.Forward(ctx, b.x[:n], b.features[:n*dim]); err != nil {
		return 0, err
	}
	z := t.backprop.forward(b.rows[:n], dropout)
	for i := lo; i < hi; i++ {
		label, partner := t.training.Truth[batch[i]], t.training.Truth[batch[across(i)]]
		loss += t.targets.lossAndGradient(z[(i-lo)*t.labels:(i-lo+1)*t.labels], label, partner, lambda, len(batch))
	}
	return loss, t.net.Backward(ctx, t.backprop.backward(true))
}

// mix sets dst to λ·x + (1−λ)·y.
func mix(dst, x, y []float32, lambda float64) {
	if lambda == 1 {
		copy(dst, x)
		return
	}
	one, two := float32(lambda), float32(1-lambda)
	for k, v := range x {
		dst[k] = float32(one*v) + float32(two*y[k])
	}
}

// beta draws from the Beta distribution with both parameters a, at most 1 (Jöhnk 1964).
func beta(src rand.Source, a float64) float64 {
	uniform := func() float64 { return (float64(src.Uint64()>>11) + 0.5) / (1 << 53) }
	for {
		x, y := bitexact.Exp(bitexact.Log(uniform())/a), bitexact.Exp(bitexact.Log(uniform())/a)
		if s := x + y; s > 0 && s <= 1 {
			return x / s
		}
	}
}
