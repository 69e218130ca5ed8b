package train

import (
	"context"
	"errors"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func hiddenConfig() TuneConfig {
	cfg := tuneConfig()
	cfg.Hidden = []int{8, 5}
	return cfg
}

// TestTuneWithHiddenLayersGoesOn: checkpoints hold the hidden layers, and those of others
// are refused.
func TestTuneWithHiddenLayersGoesOn(t *testing.T) {
	training, validation := ringPhotos(50, 1), ringPhotos(20, 2)
	cfg := hiddenConfig()
	run := func() ([]float32, *Tuned) {
		n := newTinyNet()
		got, err := Tune(t.Context(), n, 2, training, validation, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := allWeights(n)
		for _, l := range got.layers.layers {
			all = append(append(all, l.weights...), l.bias...)
		}
		return all, got
	}
	var states [][]byte
	cfg.Checkpoint = func(state []byte) error { states = append(states, state); return nil }
	want, wanted := run()
	cfg.Checkpoint = nil
	for i, state := range states {
		cfg.Resume = state
		if got, result := run(); !sameWeights(got, want) || result.Epoch != wanted.Epoch || result.Accuracy != wanted.Accuracy {
			t.Errorf("gone on after epoch %d: other weights, %+v", i+1, result)
		}
	}
	for _, hidden := range [][]int{nil, {8}, {5, 8}, {8, 5, 2}} { // {5, 8} has other sizes, {8, 5} as many layers
		cfg.Hidden = hidden
		if _, err := Tune(t.Context(), newTinyNet(), 2, training, validation, cfg, nil); !errors.Is(err, ErrOtherTuning) {
			t.Errorf("a checkpoint of hidden layers %v taken up with %v: %v", []int{8, 5}, hidden, err)
		}
	}
}

// TestTuneWithHiddenLayersLearns, and the validation images move no weight.
func TestTuneWithHiddenLayersLearns(t *testing.T) {
	cfg := hiddenConfig()
	cfg.Epochs = 60
	_, got, _ := tune(t, ringPhotos(200, 1), ringPhotos(100, 2), cfg)
	if got.Accuracy.Share < 0.9 {
		t.Errorf("validation accuracy %v at epoch %d", got.Accuracy.Share, got.Epoch)
	}
	cfg.Epochs = 1
	poisoned := ringPhotos(20, 2)
	for i := range poisoned.Truth {
		poisoned.Truth[i] = 1 - poisoned.Truth[i]
	}
	one, _, _ := tune(t, ringPhotos(50, 1), ringPhotos(20, 2), cfg)
	other, _, _ := tune(t, ringPhotos(50, 1), poisoned, cfg)
	if !sameWeights(one, other) {
		t.Error("the validation images have moved weights")
	}
}

// storedPhotos are a split of a store, its features standing for activations.
func storedPhotos(t *testing.T, db *store.DB, s split.Split) TunePhotos {
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(context.Background(), db, d.index(s))
	if err != nil {
		t.Fatal(err)
	}
	return TunePhotos{Truth: table.truth, Read: func(i int, dst []float32) error { copy(dst, table.rows[i]); return nil }}
}

// A plainNet is a network without weights: its bottleneck is its input.
type plainNet struct{ dim int }

func (n plainNet) Images() int                               { return 4 }
func (n plainNet) CutLen() int                               { return n.dim }
func (n plainNet) Dim() int                                  { return n.dim }
func (n plainNet) Update()                                   {}
func (n plainNet) Weights() []TunedWeights                   { return nil }
func (n plainNet) Backward(context.Context, []float32) error { return nil }
func (n plainNet) Forward(_ context.Context, x [][]float32, out []float32) error {
	for i, row := range x {
		copy(out[i*n.dim:], row)
	}
	return nil
}

// TestTunedHead: the head that is made of the tuned layers gives the accuracy that Tune
// saw, is calibrated and tested, and survives the store.
func TestTunedHead(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 80, Dim: 12, Spread: 1.5}
	db := filled(t, c)
	tuned, err := Tune(t.Context(), plainNet{12}, 3, storedPhotos(t, db, split.Training), storedPhotos(t, db, split.Validation), hiddenConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, r, err := tuned.Head(t.Context(), db, "m")
	if err != nil {
		t.Fatal(err)
	}
	if h.Kind != KindMLP || len(h.Config.Hidden) != 2 || h.Config.Validate() != nil || h.Temperature == 1 ||
		r == nil || h.Test != r.Accuracy || r.Accuracy.Share < 0.6 {
		t.Errorf("head %+v, report %+v", h, r)
	}
	v, err := Evaluate(t.Context(), db, h, split.Validation)
	if err != nil || v.Accuracy != tuned.Accuracy {
		t.Errorf("validation accuracy %+v, %v; Tune saw %+v", v, err, tuned.Accuracy)
	}
	if err := h.Save(db, "finetuned"); err != nil {
		t.Fatal(err)
	}
	back, err := Load(db, "finetuned")
	if err != nil {
		t.Fatal(err)
	}
	requireSamePredictions(t, c, h, back)
	if _, _, err := (&Tuned{}).Head(t.Context(), db, "m"); !errors.Is(err, ErrConfig) {
		t.Errorf("without hidden layers: %v", err)
	}
}
