package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"featstore/store"
	"featstore/store/storetest"
)

// A wideMLP is an mlp in float64, written down anew: weights[l][c][k] and bias[l][c].
type wideMLP struct {
	weights [][][]float64
	bias    [][]float64
	nearest float64 // to 0, of the hidden layers' values before their ReLU, since it was set
}

func widened(m *mlp) *wideMLP {
	w := &wideMLP{}
	for _, l := range m.layers {
		var rows [][]float64
		var bias []float64
		for c, b := range l.bias {
			var row []float64
			for _, v := range l.weights[c*l.dim : (c+1)*l.dim] {
				row = append(row, float64(v))
			}
			rows, bias = append(rows, row), append(bias, float64(b))
		}
		w.weights, w.bias = append(w.weights, rows), append(w.bias, bias)
	}
	return w
}

// logits computes images, layer by layer; drop says which of a layer's inputs are left
// out, and may be nil.
func (w *wideMLP) logits(images [][]float64, dropout float64, drop func() bool) [][]float64 {
	x := images
	for l := range w.weights {
		var next [][]float64
		dropped := make([][]float64, len(x))
		for i, row := range x {
			for _, v := range row {
				if drop != nil && drop() {
					v = 0
				}
				dropped[i] = append(dropped[i], v/(1-dropout))
			}
		}
		for _, row := range dropped {
			var out []float64
			for c, b := range w.bias[l] {
				for k, v := range row {
					b += w.weights[l][c][k] * v
				}
				if l < len(w.weights)-1 {
					w.nearest = min(w.nearest, math.Abs(b))
					b = max(0, b)
				}
				out = append(out, b)
			}
			next = append(next, out)
		}
		x = next
	}
	return x
}

// loss is the mean over images of label weight times cross-entropy against smoothed labels.
func wideLoss(logits [][]float64, truth []int, smoothing float64, weights []float64) float64 {
	loss := 0.0
	for i, z := range logits {
		sum := 0.0
		for _, v := range z {
			sum += math.Exp(v)
		}
		for c, v := range z {
			target := smoothing / float64(len(z))
			if c == truth[i] {
				target += 1 - smoothing
			}
			loss += weights[truth[i]] * target * (math.Log(sum) - v) / float64(len(logits))
		}
	}
	return loss
}

// randomMLP draws layers, images and labels.
func randomMLP(t *rapid.T) (m *mlp, rows [][]float32, images [][]float64, truth []int) {
	dim := rapid.IntRange(1, 35).Draw(t, "features")
	hidden := rapid.SliceOfN(rapid.IntRange(1, 37), 0, 3).Draw(t, "hidden")
	labels := rapid.IntRange(2, 6).Draw(t, "labels")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	m = newMLP(dim, hidden, labels)
	m.initialise(rng)
	for _, l := range m.layers {
		for c := range l.bias {
			l.bias[c] = float32(rng.NormFloat64()) / 4
		}
	}
	for range rapid.IntRange(1, 9).Draw(t, "images") {
		var row []float32
		var image []float64
		for range dim {
			row = append(row, float32(rng.NormFloat64()))
			image = append(image, float64(row[len(row)-1]))
		}
		rows, images, truth = append(rows, row), append(images, image), append(truth, rng.IntN(labels))
	}
	return m, rows, images, truth
}

func TestMLPAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, rows, images, _ := randomMLP(t)
		labels := len(m.output().bias)
		got := make([]float64, len(rows)*labels)
		m.scores(got, rows)
		for i, z := range widened(m).logits(images, 0, nil) {
			for c, want := range z {
				if math.Abs(got[i*labels+c]-want) > 1e-4*(1+math.Abs(want)) {
					t.Fatalf("image %d, label %d: %v, in float64 %v", i, c, got[i*labels+c], want)
				}
			}
		}
	})
}

// TestMLPGradient compares the gradient of a minibatch's loss by every weight and feature,
// through dropout, smoothed labels and their weights, with central differences of the
// reference.
func TestMLPGradient(t *testing.T) {
	pool := onePool(t)
	rapid.Check(t, func(t *rapid.T) {
		m, rows, images, truth := randomMLP(t)
		dropout := rapid.SampledFrom([]float64{0, 0.25, 0.5}).Draw(t, "dropout")
		smoothing := rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "smoothing")
		labels, seed := len(m.output().bias), rapid.Uint64().Draw(t, "drops")
		weights := make([]float64, labels)
		for c := range weights {
			weights[c] = 0.5 + float64(c)
		}
		wide := widened(m)
		reference := func() float64 {
			src := rand.NewPCG(seed, 1)
			drop := func() bool { return dropout > 0 && float64(src.Uint64()>>32) < dropout*(1<<32) }
			return wideLoss(wide.logits(images, dropout, drop), truth, smoothing, weights)
		}
		b := newBackprop(m, len(rows)+2, dropout, pool)
		targets := newTargets(labels, smoothing, weights)
		loss := 0.0
		z := b.forward(rows, rand.NewPCG(seed, 1))
		for i, y := range truth {
			loss += targets.lossAndGradient(z[i*labels:(i+1)*labels], y, y, 1, len(rows))
		}
		features := b.backward(true)
		wide.nearest = 1
		want := reference()
		if wide.nearest < 1e-4 {
			// At its kink a ReLU has two gradients, and float32 and the differences may see
			// either.
			t.Skip("a value is next to its ReLU's kink")
		}
		if math.Abs(loss-want) > 1e-4*(1+want) {
			t.Fatalf("loss %v, reference %v", loss, want)
		}
		same := func(what string, got float32, at *float64) {
			const h = 1e-6
			v := *at
			*at = v + h
			up := reference()
			*at = v - h
			down := reference()
			*at = v
			if want := (up - down) / (2 * h); math.Abs(float64(got)-want) > 1e-4*(1+math.Abs(want)) {
				t.Fatalf("gradient by %s is %v, by differences %v", what, got, want)
			}
		}
		for l, g := range b.gradient.layers {
			for c := range g.bias {
				same(fmt.Sprintf("bias %d of layer %d", c, l), g.bias[c], &wide.bias[l][c])
				for k := range g.dim {
					same(fmt.Sprintf("weight %d, %d of layer %d", c, k, l), g.weights[c*g.dim+k], &wide.weights[l][c][k])
				}
			}
		}
		for i := range images {
			for k := range images[i] {
				same(fmt.Sprintf("feature %d of image %d", k, i), features[i*len(images[i])+k], &images[i][k])
			}
		}
	})
}

// ring is a feature vector in a ring around the origin: no line parts rings.
func ring(l, i int) []float32 {
	rng := rand.New(rand.NewPCG(uint64(l), uint64(i)))
	x := make([]float32, 6)
	length := 0.0
	for k := range x {
		x[k] = float32(rng.NormFloat64())
		length += float64(x[k]) * float64(x[k])
	}
	for k := range x {
		x[k] *= float32((1 + 2*float64(l)) / math.Sqrt(length))
	}
	return x
}

// TestMLPPartsRings: what no layer on the features tells apart, hidden layers do, whatever
// the scaling that leaves the lengths, the balance and the number of layers.
func TestMLPPartsRings(t *testing.T) {
	db := oddStore(t, []int{200, 150}, 6, ring)
	accuracy := func(change func(*Config)) float64 {
		cfg := config(KindMLP)
		cfg.Rate, cfg.Dropout, cfg.Hidden = 0.02, 0.1, []int{64}
		change(&cfg)
		_, r, err := Train(context.Background(), db, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Accuracy.Share
	}
	if a := accuracy(func(c *Config) { c.Kind = KindLogistic }); a > 0.75 {
		t.Fatalf("one layer has accuracy %v: the rings are no rings", a)
	}
	for _, balance := range Balances {
		for _, hidden := range [][]int{{64}, {48, 24}} {
			if a := accuracy(func(c *Config) { c.Balance, c.Hidden = balance, hidden }); a < 0.9 {
				t.Errorf("balance %s, hidden %v: accuracy %v", balance, hidden, a)
			}
		}
	}
}

// TestMLPKeepsTheBestOnValidation: the weights that are kept are those whose validation
// loss was lowest, not the last ones.
func TestMLPKeepsTheBestOnValidation(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 80, Dim: 12, Spread: 1.5}
	db := filled(t, c)
	cfg := config(KindMLP)
	cfg.Steps, cfg.EvalEvery, cfg.Rate, cfg.Dropout, cfg.Smoothing = 400, 20, 0.02, 0, 0 // it overfits
	var looks []Validation
	h, err := Fit(context.Background(), db, cfg, func(e Event) {
		if v, ok := e.(Validation); ok {
			looks = append(looks, v)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	best := slices.MinFunc(looks, func(a, b Validation) int { return int(math.Copysign(1, a.Loss-b.Loss)) })
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	validation, err := (&descentData{db: db, validation: d.splits[1], scaling: h.scaling}).readValidation(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	accuracy, loss, _ := (&mlpTraining{net: h.classifier.(*mlp), validation: validation}).validate()
	if loss != best.Loss || accuracy != best.Accuracy || best.Step == cfg.Steps || len(looks) != 20 {
		t.Errorf("kept loss %v, accuracy %v; best of %d looks %+v", loss, accuracy, len(looks), best)
	}
}

// TestMLPDoesNotDependOnWorkers computes layers that are worth sharing.
func TestMLPDoesNotDependOnWorkers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := newMLP(700, []int{130, 67}, 5)
	m.initialise(rng)
	row := func() []float32 {
		x := make([]float32, 700)
		for k := range x {
			x[k] = float32(rng.NormFloat64())
		}
		return x
	}
	batch := &store.Batch{}
	for i := range 65 {
		batch.Rows, batch.Labels = append(batch.Rows, row()), append(batch.Labels, i%5)
	}
	step := func(workers int) (all []float32) {
		pool := newWorkerPool(workers)
		defer pool.close()
		net := newMLP(700, []int{130, 67}, 5)
		b := newBackprop(net, 65, 0.5, pool)
		c := newCycle(net.groups(b.gradient), 0.01, 0, 0.05, 1, 3, pool)
		for i, l := range m.layers {
			copy(net.layers[i].weights, l.weights)
		}
		targets, src := newTargets(5, 0.1, nil), rand.NewPCG(2, 2)
		for i := range 3 {
			rows := &store.Batch{Labels: batch.Labels}
			for _, r := range batch.Rows {
				rows.Rows = append(rows.Rows, slices.Clone(r))
			}
			_, loss := mlpStep(b, &targets, rows, src)
			if err := c.move(i, loss); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range net.layers {
			all = append(append(all, l.weights...), l.bias...)
		}
		return all
	}
	want := step(1)
	for _, workers := range []int{2, 3, 7} {
		if !sameBits(step(workers), want) {
			t.Errorf("%d workers give other weights", workers)
		}
	}
}

// TestHostileMLPs: parameters that do not fit together are refused, whatever they claim.
func TestHostileMLPs(t *testing.T) {
	good := newMLP(6, []int{4, 3}, 2).params
	for name, change := range map[string]func(*mlpParams){
		"form":             func(p *mlpParams) { p.Form = 2 },
		"no form":          func(p *mlpParams) { p.Form = 0 },
		"a unit more":      func(p *mlpParams) { p.Hidden[0]++ },
		"a unit fewer":     func(p *mlpParams) { p.Hidden[1]-- },
		"no units":         func(p *mlpParams) { p.Hidden[0] = 0 },
		"negative units":   func(p *mlpParams) { p.Hidden[0] = -4 },
		"very many units":  func(p *mlpParams) { p.Hidden[0] = math.MaxInt },
		"very many layers": func(p *mlpParams) { p.Hidden = make([]int, 1000) },
		"a layer fewer":    func(p *mlpParams) { p.Hidden = p.Hidden[:1] },
		"weights":          func(p *mlpParams) { p.Weights = p.Weights[1:] },
		"more weights":     func(p *mlpParams) { p.Weights = append(p.Weights, 0) },
		"biases":           func(p *mlpParams) { p.Biases = p.Biases[1:] },
		"more biases":      func(p *mlpParams) { p.Biases = append(p.Biases, 0) },
		"nothing":          func(p *mlpParams) { *p = mlpParams{Form: mlpForm} },
	} {
		p := good()
		change(p)
		m, err := p.classifier(2, 6)
		if m != nil || !errors.Is(err, ErrHeadCorrupt) && !errors.Is(err, store.ErrNewer) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	m, err := good().classifier(2, 6)
	if err != nil || m.check(2, 6) != nil {
		t.Errorf("what is good is refused: %v", err)
	}
}
