package cli

import (
	"context"
	"sync/atomic"
	"time"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// keepTuned puts the tuned network and the vectors of all photos into the store. Until the
// head of that name is saved the network is unfinished.
func (a *app) keepTuned(ctx context.Context, db *store.DB, tuning *extract.Tuning, set *tuningSet, source *tuningSource, head string) (store.Model, error) {
	data, err := tuning.Model()
	if err != nil {
		return store.Model{}, err
	}
	m, err := tunedModel(data, set.model)
	if err != nil {
		return m, err
	}
	fingerprint := set.indexes[split.Training].Fingerprint()
	m.Tuned = &store.Tuned{From: set.model.ID, Cut: tuning.Cut().Tensor, Fingerprint: fingerprint[:]}
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
	return m, a.putTunedVectors(ctx, db, tuning, m.ID, set.all(), source)
}

// tunedModel describes a network that was made from a model's.
func tunedModel(data []byte, base store.Model) (store.Model, error) {
	file, err := extract.ModelLimits{}.ReadModel(data)
	if err != nil {
		return base, err
	}
	request, err := recordedRequest(base)
	if err != nil {
		return base, err
	}
	if base.Tuned == nil {
		request.Name = base.Name + "-finetuned"
	}
	network, err := file.Network(request)
	if err != nil {
		return base, err
	}
	i := network.Info()
	return store.Model{
		ID: i.ID, Name: request.Name, FileSHA256: i.FileSHA256, WeightsSHA256: i.WeightsSHA256, Tap: i.Tap, Pool: i.Pool, Dim: i.Dim,
		Preprocess: i.Preprocess.CanonicalString(), Engine: i.Engine, Added: time.Now().UTC().Truncate(time.Second), Layout: network.Origin().Layout,
	}, nil
}

// vectorsAtOnce is how many vectors are written in one transaction.
const vectorsAtOnce = 256

// putTunedVectors computes the tuned bottlenecks of photos and stores them.
func (a *app) putTunedVectors(ctx context.Context, db *store.DB, tuning *extract.Tuning, model string, photos []*tuningPhoto, source *tuningSource) error {
	var done atomic.Int64
	stop := a.watch(func() gauge { return gauge{"vectors", "photo", done.Load(), int64(len(photos))} })
	defer stop()
	x := make([][]float32, tuning.Images())
	for i := range x {
		x[i] = make([]float32, tuning.CutLen())
	}
	source.upcoming(photos, 0)
	for lo := 0; lo < len(photos); lo += vectorsAtOnce {
		some := photos[lo:min(lo+vectorsAtOnce, len(photos))]
		vectors, err := tunedVectors(ctx, tuning, some, source, x)
		if err != nil {
			return err
		}
		err = db.Update(func(tx *store.Tx) error {
			for i, p := range some {
				if err := tx.PutVector(model, p.digest, vectors[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		done.Add(int64(len(some)))
	}
	return nil
}

// tunedVectors computes the tuned bottlenecks of photos; x is memory for the activations.
func tunedVectors(ctx context.Context, tuning *extract.Tuning, photos []*tuningPhoto, source *tuningSource, x [][]float32) (vectors [][]float32, err error) {
	dim := tuning.Dim()
	for lo := 0; lo < len(photos); lo += len(x) {
		some := photos[lo:min(lo+len(x), len(photos))]
		for i := range some {
			if err := source.read(x[i]); err != nil {
				return nil, err
			}
		}
		out := make([]float32, len(some)*dim)
		if err := tuning.Forward(ctx, x[:len(some)], out); err != nil {
			return nil, err
		}
		for i := range some {
			vectors = append(vectors, out[i*dim:(i+1)*dim])
		}
	}
	return vectors, nil
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
