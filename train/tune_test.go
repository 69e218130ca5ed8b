package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A tinyNet is a network above a cut: two layers of its own weights with a rectifier
// between.
type tinyNet struct {
	in, hidden, dim int
	weights         []TunedWeights
	x               [][]float32
	h               []float32
}

func newTinyNet() *tinyNet {
	n := &tinyNet{in: 6, hidden: 5, dim: 4}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{n.in * n.hidden, n.hidden, n.hidden * n.dim} {
		w := TunedWeights{Values: make([]float32, size), Gradient: make([]float32, size), Bias: size == n.hidden}
		for i := range w.Values {
			w.Values[i] = float32(rng.NormFloat64()) / 2
		}
		n.weights = append(n.weights, w)
	}
	return n
}

func (n *tinyNet) Images() int             { return 3 }
func (n *tinyNet) CutLen() int             { return n.in }
func (n *tinyNet) Dim() int                { return n.dim }
func (n *tinyNet) Update()                 {}
func (n *tinyNet) Weights() []TunedWeights { return n.weights }

func (n *tinyNet) Forward(_ context.Context, x [][]float32, out []float32) error {
	n.x, n.h = x, make([]float32, len(x)*n.hidden)
	for i, row := range x {
		for j := range n.hidden {
			s := n.weights[1].Values[j]
			for k, v := range row {
				s += v * n.weights[0].Values[k*n.hidden+j]
			}
			n.h[i*n.hidden+j] = max(s, 0)
		}
		for j := range n.dim {
			s := float32(0)
			for k := range n.hidden {
				s += n.h[i*n.hidden+k] * n.weights[2].Values[k*n.dim+j]
			}
			out[i*n.dim+j] = s
		}
	}
	return nil
}

func (n *tinyNet) Backward(_ context.Context, g []float32) error {
	for i, row := range n.x {
		for k := range n.hidden {
			h, dh := n.h[i*n.hidden+k], float32(0)
			for j := range n.dim {
				n.weights[2].Gradient[k*n.dim+j] += h * g[i*n.dim+j]
				dh += g[i*n.dim+j] * n.weights[2].Values[k*n.dim+j]
			}
			if h <= 0 {
				continue
			}
			n.weights[1].Gradient[k] += dh
			for m, v := range row {
				n.weights[0].Gradient[m*n.hidden+k] += dh * v
			}
		}
	}
	return nil
}

// ringPhotos are in a ring around the others' middle: no line parts them.
func ringPhotos(n int, seed uint64) TunePhotos {
	rng := rand.New(rand.NewPCG(seed, 2))
	p := TunePhotos{}
	var rows [][]float32
	for i := range n {
		row := make([]float32, 6)
		length := 0.0
		for k := range row {
			row[k] = float32(rng.NormFloat64())
			length += float64(row[k]) * float64(row[k])
		}
		for k := range row {
			row[k] *= float32((0.4 + 2*float64(i%2)) / math.Sqrt(length))
		}
		rows = append(rows, row)
		p.Truth = append(p.Truth, i%2)
	}
	p.Read = func(i int, dst []float32) error { copy(dst, rows[i]); return nil }
	return p
}

func tuneConfig() TuneConfig {
	cfg := DefaultTuneConfig()
	cfg.Epochs, cfg.Rate, cfg.Batch = 4, 0.02, 8
	return cfg
}

func allWeights(n *tinyNet) []float32 {
	var all []float32
	for _, w := range n.weights {
		all = append(all, w.Values...)
	}
	return all
}

func tune(t *testing.T, training, validation TunePhotos, cfg TuneConfig) ([]float32, *Tuned, []TuneProgress) {
	t.Helper()
	n := newTinyNet()
	var told []TuneProgress
	got, err := Tune(t.Context(), n, 2, training, validation, cfg, func(e Event) {
		if p, ok := e.(TuneProgress); ok {
			told = append(told, p)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return allWeights(n), got, told
}

func sameWeights(a, b []float32) bool {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// TestTuneLearns: photos that no layer on the frozen features parts are told apart after
// tuning.
func TestTuneLearns(t *testing.T) {
	cfg := tuneConfig()
	cfg.Epochs, cfg.Patience = 60, 0
	_, got, told := tune(t, ringPhotos(200, 1), ringPhotos(100, 2), cfg)
	if got.Accuracy.Share < 0.9 {
		t.Errorf("validation accuracy %v at epoch %d; at the start %v", got.Accuracy.Share, got.Epoch, told[24].Accuracy)
	}
	if last := told[len(told)-1]; last.Step != last.Steps || last.Epoch != 60 || !last.Ended {
		t.Errorf("the last event is %+v", last)
	}
}

// TestTuneGradient compares the gradient of a minibatch's loss, with all that is done to
// it, with central differences.
func TestTuneGradient(t *testing.T) {
	for _, hidden := range [][]int{nil, {5}, {4, 3}} {
		t.Run(fmt.Sprint(hidden), func(t *testing.T) { testTuneGradient(t, hidden) })
	}
}

func testTuneGradient(t *testing.T, hidden []int) {
	cfg := tuneConfig()
	cfg.Balance, cfg.Hidden = BalanceWeights, hidden
	training := ringPhotos(20, 3)
	training.Truth[0] = 1
	n := newTinyNet()
	tu := newTuner(n, 2, training, TunePhotos{}, cfg)
	defer tu.pool.close()
	for i := range tu.head.layers {
		tu.head.layers[i].initialise(rand.New(rand.NewPCG(1, 1)), 0.5)
	}
	loss := func() float64 {
		l, err := tu.step(t.Context(), []int{0, 3, 5, 8, 11, 12, 17}, rand.NewPCG(7, 7), rand.NewPCG(8, 8))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	loss()
	var want [][]float32
	for _, g := range tu.groups {
		want = append(want, append([]float32(nil), g.Gradient...))
	}
	for i, g := range tu.groups {
		for k := range g.Values {
			const h = 1e-3 // fewer kinks of rectifiers lie between than with a larger one
			v := g.Values[k]
			g.Values[k] = v + h
			up := loss()
			g.Values[k] = v - h
			down := loss()
			g.Values[k] = v
			if d := (up - down) / (2 * h); math.Abs(d-float64(want[i][k])) > 2e-3+0.05*math.Abs(d) {
				t.Errorf("%s %d, weight %d: gradient %v, by differences %v", g.Name, i, k, want[i][k], d)
			}
		}
	}
}

// TestValidationOnlyChoosesTheEpoch: poisoned validation images change no weight, as long
// as the epoch that is kept is the same.
func TestValidationOnlyChoosesTheEpoch(t *testing.T) {
	training, validation := ringPhotos(50, 1), ringPhotos(20, 2)
	cfg := tuneConfig()
	states := func(v TunePhotos) (all [][]byte) {
		cfg.Checkpoint = func(state []byte) error { all = append(all, state); return nil }
		tune(t, training, v, cfg)
		return all
	}
	poisoned := ringPhotos(20, 99)
	for i := range poisoned.Truth {
		poisoned.Truth[i] = 1 - poisoned.Truth[i]
	}
	a, b := states(validation), states(poisoned)
	weights := func(state []byte) string { // all but the header and the best
		n := len(allWeights(newTinyNet())) + 2*4 + 2
		return string(state[len(state)-4*5*n : len(state)-4*n])
	}
	for i := range a {
		if weights(a[i]) != weights(b[i]) {
			t.Errorf("epoch %d: the validation images have moved weights", i+1)
		}
	}
	cfg.Epochs, cfg.Checkpoint = 1, nil
	one, _, _ := tune(t, training, validation, cfg)
	other, _, _ := tune(t, training, poisoned, cfg)
	if !sameWeights(one, other) {
		t.Error("one epoch: the validation images have moved weights")
	}
}

// TestTuneIsReproducible: same seed, same bits; another seed, others; and a training that
// goes on from any epoch ends as one that was never interrupted.
func TestTuneIsReproducible(t *testing.T) {
	training, validation := ringPhotos(50, 1), ringPhotos(20, 2)
	cfg := tuneConfig()
	var states [][]byte
	cfg.Checkpoint = func(state []byte) error { states = append(states, state); return nil }
	want, wanted, _ := tune(t, training, validation, cfg)
	cfg.Checkpoint = nil
	if again, _, _ := tune(t, training, validation, cfg); !sameWeights(want, again) {
		t.Error("another run gives other weights")
	}
	for i, state := range states {
		cfg.Resume = state
		got, result, _ := tune(t, training, validation, cfg)
		if !sameWeights(got, want) || result.Epoch != wanted.Epoch || result.Accuracy != wanted.Accuracy {
			t.Errorf("gone on after epoch %d: other weights, %+v", i+1, result)
		}
	}
	cfg.Resume = nil
	cfg.Seed++
	if other, _, _ := tune(t, training, validation, cfg); sameWeights(want, other) {
		t.Error("another seed gives the same weights")
	}
	cfg.Resume = states[0]
	if _, err := Tune(t.Context(), newTinyNet(), 2, training, validation, cfg, nil); !errors.Is(err, ErrOtherTuning) {
		t.Errorf("a checkpoint of another seed: %v", err)
	}
	cfg.Seed--
	for _, n := range []int{0, 7, 100, len(states[0]) - 1} {
		cfg.Resume = append([]byte{}, states[0][:n]...)
		if _, err := Tune(t.Context(), newTinyNet(), 2, training, validation, cfg, nil); !errors.Is(err, ErrOtherTuning) {
			t.Errorf("a checkpoint cut at %d: %v", n, err)
		}
	}
}

// TestGradientDescentLearns: the other optimizer learns too, and its checkpoints are not
// AdamW's.
func TestGradientDescentLearns(t *testing.T) {
	cfg := tuneConfig()
	cfg.Epochs, cfg.Patience, cfg.Optimizer, cfg.Rate = 60, 0, OptimizerSGD, 0.1
	var state []byte
	cfg.Checkpoint = func(s []byte) error { state = s; return nil }
	if _, got, _ := tune(t, ringPhotos(200, 1), ringPhotos(100, 2), cfg); got.Accuracy.Share < 0.9 {
		t.Errorf("validation accuracy %v at epoch %d", got.Accuracy.Share, got.Epoch)
	}
	cfg.Optimizer, cfg.Resume = OptimizerAdamW, state
	if _, err := Tune(t.Context(), newTinyNet(), 2, ringPhotos(200, 1), ringPhotos(100, 2), cfg, nil); !errors.Is(err, ErrOtherTuning) {
		t.Errorf("a checkpoint of the other optimizer: %v", err)
	}
}

// TestTuneEndsEarly: when it is told that it is enough, and when the validation loss has
// not fallen for some epochs, but never without any epoch.
func TestTuneEndsEarly(t *testing.T) {
	training, validation := ringPhotos(50, 1), ringPhotos(20, 2)
	cfg := tuneConfig()
	cfg.Epochs = 20
	cfg.Enough = func(epoch int) bool { return epoch >= 2 }
	if _, _, told := tune(t, training, validation, cfg); told[len(told)-1].Epoch != 2 {
		t.Errorf("told that 2 epochs are enough it took %d", told[len(told)-1].Epoch)
	}
	for i := range validation.Truth { // what is learnt is wrong for these
		validation.Truth[i] = 1 - validation.Truth[i]
	}
	cfg.Enough, cfg.Patience = nil, 3
	_, got, told := tune(t, training, validation, cfg)
	if last := told[len(told)-1].Epoch; last != got.Epoch+3 || last == cfg.Epochs {
		t.Errorf("the best epoch was %d, the last %d of %d", got.Epoch, last, cfg.Epochs)
	}
	if _, _, told := tune(t, training, TunePhotos{}, cfg); told[len(told)-1].Epoch != cfg.Epochs {
		t.Errorf("without validation images it took %d epochs of %d", told[len(told)-1].Epoch, cfg.Epochs)
	}
}

// TestPhotosAreReadAsAnnounced: each image once an epoch, in the order told before it.
func TestPhotosAreReadAsAnnounced(t *testing.T) {
	training, validation := ringPhotos(21, 1), ringPhotos(7, 2)
	epochs := map[int]int{}
	for _, p := range []*TunePhotos{&training, &validation} {
		read, of, n := p.Read, p == &training, len(p.Truth)
		var left []int
		p.Upcoming = func(epoch int, order []int) {
			if len(left) > 0 || len(order) != n {
				t.Errorf("epoch %d: %d images are told of while %d are still to be read", epoch, len(order), len(left))
			}
			left = append([]int(nil), order...)
			if of {
				epochs[epoch]++
			}
		}
		p.Read = func(i int, dst []float32) error {
			if len(left) == 0 || left[0] != i {
				t.Errorf("image %d is read, told were %v", i, left)
				return nil
			}
			left = left[1:]
			return read(i, dst)
		}
	}
	cfg := tuneConfig()
	tune(t, training, validation, cfg)
	for epoch := range cfg.Epochs + 1 {
		if epochs[epoch] != 1 {
			t.Errorf("epoch %d was told %d times", epoch, epochs[epoch])
		}
	}
}

func TestTuneRefuses(t *testing.T) {
	photos := ringPhotos(10, 1)
	for name, change := range map[string]func(*TuneConfig){
		"epochs": func(c *TuneConfig) { c.Epochs = 0 }, "batch": func(c *TuneConfig) { c.Batch = 0 }, "rate": func(c *TuneConfig) { c.Rate = math.NaN() },
		"mixup": func(c *TuneConfig) { c.Mixup = -1 }, "dropout": func(c *TuneConfig) { c.Dropout = 1 },
		"smoothing": func(c *TuneConfig) { c.Smoothing = math.NaN() },
		"decay":     func(c *TuneConfig) { c.Decay = -1 }, "balance": func(c *TuneConfig) { c.Balance = BalanceSampler },
		"optimizer": func(c *TuneConfig) { c.Optimizer = "" }, "patience": func(c *TuneConfig) { c.Patience = -1 },
	} {
		cfg := tuneConfig()
		change(&cfg)
		if _, err := Tune(t.Context(), newTinyNet(), 2, photos, TunePhotos{}, cfg, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Tune(t.Context(), newTinyNet(), 1, photos, TunePhotos{}, tuneConfig(), nil); !errors.Is(err, ErrOneLabel) {
		t.Errorf("one label: %v", err)
	}
	if _, err := Tune(t.Context(), newTinyNet(), 2, TunePhotos{}, photos, tuneConfig(), nil); !errors.Is(err, ErrNoImages) {
		t.Errorf("no photos: %v", err)
	}
	cfg := tuneConfig()
	cfg.Rate = 1e30
	if _, err := Tune(t.Context(), newTinyNet(), 2, photos, TunePhotos{}, cfg, nil); !errors.Is(err, ErrDiverged) {
		t.Errorf("a rate that is far too high: %v", err)
	}
}

// TestBeta: mean a half, variance 1/(4(2a+1)).
func TestBeta(t *testing.T) {
	src := rand.NewPCG(1, 1)
	const n, a = 20000, 0.2
	mean, square := 0.0, 0.0
	for range n {
		x := beta(src, a)
		mean += x / n
		square += x * x / n
	}
	if v := square - mean*mean; math.Abs(mean-0.5) > 0.02 || math.Abs(v-1/(4*(2*a+1))) > 0.01 {
		t.Errorf("mean %v, variance %v", mean, v)
	}
}

// TestFirstFitIsTold: bottlenecks and, with hidden layers, their steps are counted to their
// end, before the first epoch.
func TestFirstFitIsTold(t *testing.T) {
	for _, hidden := range [][]int{nil, {8}} {
		training, cfg := ringPhotos(25, 1), tuneConfig()
		cfg.Epochs, cfg.Hidden = 1, hidden
		var told []string
		last := map[string]Progress{}
		_, err := Tune(t.Context(), newTinyNet(), 2, training, TunePhotos{}, cfg, func(e Event) {
			what := "epochs"
			if p, ok := e.(Progress); ok {
				if what = p.What; p.Done <= last[what].Done || p.Done > p.Total {
					t.Errorf("%v after %v", p, last[what])
				}
				last[what] = p
			}
			if len(told) == 0 || told[len(told)-1] != what {
				told = append(told, what)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{ProgressBottlenecks, "epochs"}
		if hidden != nil {
			want = []string{ProgressBottlenecks, ProgressNewLayers, "epochs"}
		}
		if !slices.Equal(told, want) || last[ProgressBottlenecks].Done != 25 || last[ProgressNewLayers].Done != last[ProgressNewLayers].Total {
			t.Errorf("told of %q, %v", told, last)
		}
	}
}
