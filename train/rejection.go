package train

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// A Rejection says when an image is taken for none of the labels: when it is less
// similar to the training images than Threshold.
type Rejection struct {
	Rate      float64 `json:"rate" msgpack:"rate"`           // asked for: share of known images wrongly rejected
	Threshold float64 `json:"threshold" msgpack:"threshold"` // of By
	Images    int     `json:"images" msgpack:"images"`       // known images it was chosen on; 0 if there is none

	// By says what is below the threshold: BySimilarity, or nothing in heads of older
	// versions, where it is the probability of the most probable label.
	By string `json:"by,omitempty" msgpack:"by,omitempty"`
}

// BySimilarity is the cosine of an image to the nearest of a head's prototypes.
const BySimilarity = "similarity"

// DefaultRejectRate is the share of known images that may be rejected.
const DefaultRejectRate = 0.05

// chooseThreshold returns the threshold below which a share rate of new images like
// these will fall on average, or less: with N images the k-th smallest similarity,
// k = ⌊rate·(N+1)⌋, has k−1 of them below it, and a new one is below it with a
// probability of k/(N+1) (split conformal prediction: Vovk, Gammerman and Shafer 2005).
// Where the images are too few for that it is the smallest.
func chooseThreshold(similarities []float64, rate float64) Rejection {
	sorted := slices.Sorted(slices.Values(similarities))
	k := max(1, int(rate*float64(len(sorted)+1)))
	return Rejection{Rate: rate, Threshold: sorted[min(k, len(sorted))-1], Images: len(sorted), By: BySimilarity}
}

// CanReject tells whether the head has what Rejects needs.
func (h *Head) CanReject() bool { return h.Reject.Images > 0 }

// Similarity is how similar an image with features x, of length Dim, is to the nearest
// of the head's prototypes, −1 to 1. Heads of older versions, and those trained with a
// RejectRate of 0, have none: ok is false.
func (h *Head) Similarity(x []float32) (similarity float64, ok bool) {
	if h.prototypes == nil {
		return 0, false
	}
	return h.prototypes.similarity(x), true
}

// Rejects tells whether an image with features x and these probabilities is taken for
// none of the labels.
func (h *Head) Rejects(x []float32, probs []float64) bool {
	if !h.CanReject() {
		return false
	}
	if h.Reject.By == "" {
		return slices.Max(probs) < h.Reject.Threshold
	}
	s, ok := h.Similarity(x)
	return ok && s < h.Reject.Threshold
}

// enoughToReject is the number of validation images from which on they choose the
// threshold alone: of fewer, the share below it would be a matter of luck.
const enoughToReject = 1000

// rejectFolds is how many parts known images are divided into otherwise.
const rejectFolds = 5

// fitRejection gives the head prototypes of the training split, and a threshold. With
// few validation images that is chosen by cross-validation on both splits: images that
// prototypes were made of are nearer to them than new ones are.
func (h *Head) fitRejection(ctx context.Context, d *dataset, pool *workerPool) error {
	if h.Config.RejectRate == 0 {
		return nil
	}
	known, training, err := d.knownImages(ctx, pool)
	if err != nil {
		return err
	}
	all := make([]int, len(known.rows))
	for i := range all {
		all[i] = i
	}
	h.prototypes = fitPrototypes(known.subset(all[:training]), h.Config.Seed, pool)
	var similarities []float64
	if len(all)-training >= enoughToReject {
		similarities = h.prototypes.similarities(known.rows[training:])
	} else {
		similarities = outOfFoldSimilarities(known, h.Config.Seed, pool)
	}
	if len(similarities) > 0 {
		h.Reject = chooseThreshold(similarities, h.Config.RejectRate)
	}
	return ctx.Err()
}

// outOfFoldSimilarities returns the similarity of images to prototypes of the others.
func outOfFoldSimilarities(known *table, seed uint64, pool *workerPool) []float64 {
	k := min(rejectFolds, len(known.rows))
	folds := makeFolds(known.truth, known.labels, k, seed, 0)
	var out []float64
	for fold := range k {
		outside, inside := foldParts(folds, fold)
		if len(outside) == 0 || len(inside) == 0 {
			continue
		}
		out = append(out, fitPrototypes(known.subset(outside), seed, pool).similarities(known.subset(inside).rows)...)
	}
	return out
}

// checkRejection reports a threshold and prototypes that would decide nothing.
func (h *Head) checkRejection() error {
	r := h.Reject
	if math.IsNaN(r.Threshold) || math.IsInf(r.Threshold, 0) || r.Images < 0 {
		return fmt.Errorf("%w: threshold %v of %d images", ErrHeadCorrupt, r.Threshold, r.Images)
	}
	switch {
	case r.By != "" && r.By != BySimilarity:
		return fmt.Errorf("%w: images are rejected by %q, which this version does not know: train it again", ErrHeadCorrupt, r.By)
	case h.prototypes != nil:
		return h.prototypes.check(h.Dim)
	case r.By == BySimilarity:
		return fmt.Errorf("%w: it rejects by similarity, but has no prototypes", ErrHeadCorrupt)
	}
	return nil
}
