package cli

import (
	"context"
	"slices"

	"featstore/cmd/featstore/internal/tunable"
	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A tuningJudge tunes a network anew in every fold of a cross-validation.
type tuningJudge struct {
	network *extract.Network
	cut     string
	cfg     train.TuneConfig
	photos  *tuningSet
	source  *tuningSource
	byName  map[split.Digest]*tuningPhoto
}

// tuningCandidate runs the photos through the frozen part of the network and returns what
// tunes the rest in every fold. close ends what reads photos ahead.
func (a *app) tuningCandidate(ctx context.Context, db *store.DB, e evaluation) (c train.Candidate, closeSource func() error, err error) {
	f := finetuning{cfg: train.DefaultTuneConfig(), cache: defaultCache, models: e.models}
	f.cfg.Seed = e.cv.Seed
	photos, err := tuningPhotos(db, f.models)
	if err != nil {
		return c, nil, trainAdvice(err)
	}
	photos.photos[split.Testing] = nil // they take no part
	network, err := networkOf(db, photos.model, nil, extract.ModelLimits{})
	if err != nil {
		return c, nil, err
	}
	network = network.InFloat() // 8-bit numbers cannot be trained
	tuning, err := a.planTuning(ctx, network, photos, &f)
	if err != nil {
		return c, nil, err
	}
	source, err := a.tuningSource(ctx, db, network, tuning, photos, photos.all(), f)
	if err != nil {
		return c, nil, err
	}
	j := &tuningJudge{network, tuning.Cut().Tensor, f.cfg, photos, source, map[split.Digest]*tuningPhoto{}}
	for _, p := range photos.all() {
		j.byName[p.digest] = p
	}
	cfg := train.DefaultsOf(train.KindLogistic)
	cfg.Models = []string{photos.model.ID}
	return train.Candidate{Name: tunedHead, Config: cfg, Judge: j.judge}, source.close, nil
}

// judge tunes on the photos outside a fold and returns the accuracy, on those inside, of a
// head on the tuned features.
func (j *tuningJudge) judge(ctx context.Context, outside, inside []split.Digest) (train.Proportion, error) {
	tuning, err := j.network.Tune(extract.TuningOptions{Cut: j.cut, Cores: tuningCores()})
	if err != nil {
		return train.Proportion{}, err
	}
	training, fold := j.find(outside), j.find(inside)
	known := slices.DeleteFunc(slices.Clone(training), func(p *tuningPhoto) bool { return p.label < 0 })
	if _, err := train.Tune(ctx, tunable.Network{Tuning: tuning}, len(j.photos.labels), j.source.given(known), train.TunePhotos{}, j.cfg, nil); err != nil {
		return train.Proportion{}, err
	}
	outsideFeatures, err := j.features(ctx, tuning, known)
	if err != nil {
		return train.Proportion{}, err
	}
	insideFeatures, err := j.features(ctx, tuning, fold)
	if err != nil {
		return train.Proportion{}, err
	}
	return train.JudgeFeatures(ctx, train.KindLogistic, len(j.photos.labels), outsideFeatures, insideFeatures)
}

func (j *tuningJudge) find(digests []split.Digest) []*tuningPhoto {
	var all []*tuningPhoto
	for _, d := range digests {
		if p := j.byName[d]; p != nil {
			all = append(all, p)
		}
	}
	return all
}

// features computes the tuned bottlenecks of photos.
func (j *tuningJudge) features(ctx context.Context, tuning *extract.Tuning, photos []*tuningPhoto) (f train.Features, err error) {
	x := make([][]float32, tuning.Images())
	for i := range x {
		x[i] = make([]float32, tuning.CutLen())
	}
	j.source.upcoming(photos, 0)
	f.Rows, err = tunedVectors(ctx, tuning, photos, j.source, x)
	for _, p := range photos {
		f.Truth = append(f.Truth, p.label)
	}
	return f, err
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
