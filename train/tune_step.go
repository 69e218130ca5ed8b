package train

import (
	"context"
	"math/rand/v2"

	"featstore/train/internal/bitexact"
)

// A tuneBatch is memory for as many images as are computed at a time.
type tuneBatch struct {
	x, other [][]float32 // activations
	features []float32   // N×D
	rows     [][]float32 // of features
}

func newTuneBatch(n int, net Tunable) *tuneBatch {
	b := &tuneBatch{features: make([]float32, n*net.Dim())}
	for range n {
		b.x, b.other = append(b.x, make([]float32, net.CutLen())), append(b.other, make([]float32, net.CutLen()))
	}
	b.rows = cutRows(b.features, net.Dim())
	return b
}

// step adds the gradient of a minibatch's mean loss, and returns the loss. With mixup
// each image is mixed with the one that stands across from it in the minibatch.
func (t *tuner) step(ctx context.Context, batch []int, mixup, dropout rand.Source) (loss float64, err error) {
	lambda := 1.0
	if t.cfg.Mixup > 0 {
		lambda = beta(mixup, t.cfg.Mixup)
	}
	n := len(t.batch.x)
	for lo := 0; lo < len(batch); lo += n {
		piece := batch[lo:min(lo+n, len(batch))]
		partners := make([]int, len(piece))
		for i := range piece {
			partners[i] = batch[len(batch)-1-lo-i]
		}
		l, err := t.piece(ctx, piece, partners, lambda, len(batch), dropout)
		if err != nil {
			return 0, err
		}
		loss += l
	}
	return loss, nil
}

// piece computes images of a minibatch of total images, forth and back.
func (t *tuner) piece(ctx context.Context, piece, partners []int, lambda float64, total int, dropout rand.Source) (loss float64, err error) {
	b, dim, n := t.batch, t.net.Dim(), len(piece)
	for i := range piece {
		if err := t.mixed(b.x[i], b.other[i], piece[i], partners[i], lambda); err != nil {
			return 0, err
		}
	}
	if err := t.net.Forward(ctx, b.x[:n], b.features[:n*dim]); err != nil {
		return 0, err
	}
	z := t.backprop.forward(b.rows[:n], dropout)
	for i := range piece {
		loss += t.targets.lossAndGradient(z[i*t.labels:(i+1)*t.labels], t.training.Truth[piece[i]], t.training.Truth[partners[i]], lambda, total)
	}
	return loss, t.net.Backward(ctx, t.backprop.backward(true))
}

// mixed reads an image's activations, mixed with another one's.
func (t *tuner) mixed(dst, other []float32, image, partner int, lambda float64) error {
	if err := t.training.Read(image, dst); err != nil || lambda == 1 {
		return err
	}
	if err := t.training.Read(partner, other); err != nil {
		return err
	}
	one, two := float32(lambda), float32(1-lambda)
	for k, x := range dst {
		dst[k] = float32(one*x) + float32(two*other[k])
	}
	return nil
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
