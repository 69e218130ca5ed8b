package cli

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// keepTuned puts the tuned network and the vectors of all photos into the store. Until the
// head of that name is saved the network is unfinished.
func (a *app) keepTuned(ctx context.Context, db *store.DB, base *extract.Network, tuning *extract.Tuning, set *tuningSet,
	head string) (store.Model, error) {
	data, err := tuning.Model()
	if err != nil {
		return store.Model{}, err
	}
	network, m, err := tunedModel(data, set.model, base.Info().Preprocess)
	if err != nil {
		return m, err
	}
	fingerprint := set.indexes[split.Training].Fingerprint()
	m.Tuned = &store.Tuned{From: set.model.ID, Cut: tuning.Cut().Tensor, Fingerprint: fingerprint[:]}
	if id := base.Info().ID; id != set.model.ID {
		m.Tuned.At = id
	}
	err = db.Update(func(tx *store.Tx) error {
		if err := markUnfinished(tx, m, head); err != nil {
			return err
		}
		if err := tx.PutModel(m); err != nil {
			return err
		}
		return tx.PutNetwork(m.ID, data)
	})
	if err != nil {
		return m, err
	}
	return m, a.putTunedVectors(ctx, db, network, set.all())
}

// tunedModel returns a network that was made from a model's, and its description. how is the
// way in which photos were prepared for it.
func tunedModel(data []byte, base store.Model, how photo.Preprocess) (*extract.Network, store.Model, error) {
	file, err := extract.ModelLimits{}.ReadModel(data)
	if err != nil {
		return nil, base, err
	}
	request, err := recordedRequest(base)
	if err != nil {
		return nil, base, err
	}
	request.Preprocess, request.Precision = photo.SettingsOf(how), ""
	if base.Tuned == nil {
		request.Name = base.Name + "-finetuned"
	}
	network, err := file.Network(request)
	if err != nil {
		return nil, base, err
	}
	i := network.Info()
	return network, store.Model{
		ID: i.ID, Name: request.Name, FileSHA256: i.FileSHA256, WeightsSHA256: i.WeightsSHA256, Tap: i.Tap, Pool: i.Pool, Dim: i.Dim,
		Preprocess: i.Preprocess.CanonicalString(), Engine: i.Engine, Added: time.Now().UTC().Truncate(time.Second), Layout: network.Origin().Layout,
		Precision: i.Precision,
	}, nil
}

// vectorsAtOnce is how many vectors are written in one transaction.
const vectorsAtOnce = 256

// putTunedVectors computes the vectors of photos and stores them. It does so as ingest does
// for photos that come later: from the activations that the training has read they would
// differ by what float16 rounds off.
func (a *app) putTunedVectors(ctx context.Context, db *store.DB, network *extract.Network, photos []*tuningPhoto) error {
	var done atomic.Int64
	stop := a.watch(func() gauge { return gauge{"vectors", "photo", done.Load(), int64(len(photos))} })
	defer stop()
	extractors := make([]*extract.Extractor, tuningCores())
	for i := range extractors {
		x, err := network.NewExtractor()
		if err != nil {
			return err
		}
		extractors[i] = x
	}
	info := network.Info()
	for some := range slices.Chunk(photos, vectorsAtOnce) {
		vectors := make([]float32, len(some)*info.Dim)
		if err := extractAll(ctx, db, extractors, some, vectors, &done); err != nil {
			return err
		}
		err := db.Update(func(tx *store.Tx) error {
			for i, p := range some {
				if err := tx.PutVector(info.ID, p.digest, vectors[i*info.Dim:(i+1)*info.Dim]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// extractAll computes the vectors, N×dim, of N photos, with a goroutine for each extractor.
func extractAll(ctx context.Context, db *store.DB, extractors []*extract.Extractor, photos []*tuningPhoto, vectors []float32, done *atomic.Int64) error {
	dim := len(vectors) / len(photos)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, x := range extractors {
		group.Go(func() error {
			for i := int(next.Add(1) - 1); i < len(photos); i = int(next.Add(1) - 1) {
				data, err := photoBytes(ctx, db, photos[i].digest)
				if err != nil {
					return err
				}
				if err := x.ExtractBytes(ctx, data, vectors[i*dim:(i+1)*dim]); err != nil {
					return fmt.Errorf("photo %s: %w", photos[i].digest.Short(), err)
				}
				done.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}

// headOf returns the head on the tuned network: the hidden layers that were trained with
// it, or else a new one.
func (f *finetuning) headOf(ctx context.Context, db *store.DB, tuned store.Model, result *train.Tuned) (*train.Head, *train.Report, error) {
	if len(f.cfg.Hidden) > 0 {
		return result.Head(ctx, db, tuned.ID)
	}
	return headOn(ctx, db, tuned.ID)
}

// headOn trains a logistic head on a model's vectors and tests it once.
func headOn(ctx context.Context, db *store.DB, model string) (*train.Head, *train.Report, error) {
	cfg := train.DefaultConfig()
	cfg.Kind, cfg.Models = train.KindLogistic, []string{model}
	return train.Train(ctx, db, cfg, nil)
}
