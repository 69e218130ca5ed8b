package train

import (
	"context"
	"math/rand/v2"

	"featstore/train/internal/bitexact"
	"featstore/train/internal/product"
)

// A tuneBatch is memory for as many images as are computed at a time.
type tuneBatch struct {
	x, other [][]float32 // activations
	features []float32   // N×D
	rows     [][]float32 // of features, less those that are dropped
	back     []float32   // N×D: the gradient by features
	kept     []bool      // N×D
	logits   []float32   // N×C, then the gradient by them
	target   []float64   // C
}

func newTuneBatch(n int, net Tunable, labels int) *tuneBatch {
	dim := net.Dim()
	b := &tuneBatch{features: make([]float32, n*dim), back: make([]float32, n*dim), kept: make([]bool, n*dim), logits: make([]float32, n*labels),
		target: make([]float64, labels)}
	for i := range n {
		b.x, b.other = append(b.x, make([]float32, net.CutLen())), append(b.other, make([]float32, net.CutLen()))
		b.rows = append(b.rows, b.features[i*dim:(i+1)*dim])
	}
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
	t.drop(b.features[:n*dim], dropout)
	z := b.logits[:n*t.labels]
	t.layer.logits(z, b.rows[:n])
	for i := range piece {
		loss += t.lossAndGradient(z[i*t.labels:(i+1)*t.labels], t.training.Truth[piece[i]], t.training.Truth[partners[i]], lambda, total)
	}
	for i := range piece {
		for c, g := range z[i*t.labels : (i+1)*t.labels] {
			t.gradient.bias[c] += g
		}
	}
	product.AddOuter(t.gradient.weights, b.rows[:n], z, dim, 0, dim)
	t.throughLayer(b.back[:n*dim], z)
	return loss, t.net.Backward(ctx, b.back[:n*dim])
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

// drop sets a share of the features to zero and scales up the rest (Srivastava et al.
// 2014).
func (t *tuner) drop(features []float32, src rand.Source) {
	kept := t.batch.kept[:len(features)]
	if t.cfg.Dropout == 0 {
		for k := range kept {
			kept[k] = true
		}
		return
	}
	limit := uint64(t.cfg.Dropout * (1 << 32))
	scale := float32(1 / (1 - t.cfg.Dropout))
	for k := range features {
		if kept[k] = src.Uint64()>>32 >= limit; kept[k] {
			features[k] *= scale
		} else {
			features[k] = 0
		}
	}
}

// lossAndGradient returns the cross-entropy of one image's logits against smoothed and
// mixed labels, as its share of the minibatch's mean, and replaces the logits by its
// gradient.
func (t *tuner) lossAndGradient(z []float32, label, partner int, lambda float64, total int) float64 {
	target := t.batch.target
	for c := range target {
		target[c] = t.cfg.Smoothing / float64(t.labels)
	}
	weight := 1.0
	if t.labelWeights != nil {
		weight = float64(lambda*t.labelWeights[label]) + float64((1-lambda)*t.labelWeights[partner])
	}
	target[label] += float64((1 - t.cfg.Smoothing) * lambda)
	target[partner] += float64((1 - t.cfg.Smoothing) * (1 - lambda))
	weight /= float64(total)
	expected := 0.0
	for c, v := range z {
		expected += float64(target[c] * float64(v))
	}
	loss := softmax(z) - expected
	for c, p := range z {
		z[c] = float32(weight * (float64(p) - target[c]))
	}
	return float64(weight * loss)
}

// throughLayer sets dst, N×D, to the gradient by the features, from the one by the
// logits, N×C.
func (t *tuner) throughLayer(dst, z []float32) {
	dim := t.net.Dim()
	scale := float32(1 / (1 - t.cfg.Dropout))
	clear(dst)
	for i := 0; i*t.labels < len(z); i++ {
		row, kept := dst[i*dim:(i+1)*dim], t.batch.kept[i*dim:(i+1)*dim]
		for c, g := range z[i*t.labels : (i+1)*t.labels] {
			for k, w := range t.layer.weights[c*dim : (c+1)*dim] {
				row[k] += float32(g * w)
			}
		}
		for k := range row {
			if kept[k] {
				row[k] *= scale // 1 without dropout
			} else {
				row[k] = 0
			}
		}
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
