package cli

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// judge evaluates a head on a split, with the probabilities averaged that are asked for.
func (a *app) judge(ctx context.Context, db *store.DB, head *train.Head, which split.Split, e evaluation) (*train.Report, error) {
	if e.average == "" {
		return train.Evaluate(ctx, db, head, which)
	}
	mirrored, err := a.mirroredProbabilities(ctx, db, head, e.heads[0], which)
	if err != nil {
		return nil, err
	}
	report, err := train.EvaluateBy(ctx, db, head, which, func(d split.Digest, row []float32, probs []float64) error {
		if err := head.Predict(row, probs); err != nil {
			return err
		}
		for c, v := range mirrored[d] {
			probs[c] = (probs[c] + v) / 2
		}
		return nil
	})
	if err == nil {
		report.Average = e.average
	}
	return report, err
}

// mirroredProbabilities returns what a head makes of the mirror images of a split's photos.
func (a *app) mirroredProbabilities(ctx context.Context, db *store.DB, head *train.Head, name string, which split.Split) (map[split.Digest][]float64, error) {
	asked := &namedHead{Head: head, name: name}
	p := &predictor{app: a, heads: []*namedHead{asked}, views: []photo.View{photo.Mirrored()}}
	for i, id := range head.Models {
		n, err := networkOfHead(db, name, id, nil, extract.ModelLimits{})
		if err != nil {
			return nil, err
		}
		p.networks, asked.networks = append(p.networks, n), append(asked.networks, i)
	}
	ix, err := db.Index(head.Models, which)
	if err != nil {
		return nil, err
	}
	var digests []split.Digest
	for _, keys := range ix.Keys {
		digests = append(digests, keys...)
	}
	probabilities, err := p.ofStore(ctx, db, digests)
	if err != nil {
		return nil, err
	}
	all := make(map[split.Digest][]float64, len(digests))
	for i, d := range digests {
		all[d] = probabilities[i]
	}
	return all, nil
}

// ofStore predicts photos that the store knows, and returns their probabilities in order.
func (p *predictor) ofStore(ctx context.Context, db *store.DB, photos []split.Digest) ([][]float64, error) {
	var next, done atomic.Int64
	stop := p.watch(func() gauge { return gauge{"mirror images", "photo", done.Load(), int64(len(photos))} })
	defer stop()
	all := make([][]float64, len(photos))
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(photos)) {
		group.Go(func() error {
			extractors, err := extractorsOf(p.networks, 1)
			if err != nil {
				return err
			}
			for i := int(next.Add(1) - 1); i < len(photos); i = int(next.Add(1) - 1) {
				data, err := photoBytes(ctx, db, photos[i])
				if err != nil {
					return err
				}
				vectors, err := p.vectors(ctx, data, extractors)
				if err != nil {
					return fmt.Errorf("photo %s: %w", photos[i].Short(), err)
				}
				if all[i], err = p.heads[0].averaged(vectors); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	return all, group.Wait()
}
