package train

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train/internal/product"
)

// filled returns a store of Gaussian clusters.
func filled(t testing.TB, c storetest.Clusters) *store.DB {
	db := storetest.Open(t)
	c.Fill(t, db)
	return db
}

// quick is the default recipe with fewer steps.
func quick(steps int) Config {
	cfg := DefaultConfig()
	cfg.Steps = steps
	return cfg
}

func mustFit(t testing.TB, db *store.DB, cfg Config) *Head {
	t.Helper()
	h, err := Fit(context.Background(), db, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func layerOf(h *Head) *layer { return h.classifier.(*layer) }

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func requireSameLayer(t *testing.T, a, b *Head) {
	t.Helper()
	if !sameBits(layerOf(a).weights, layerOf(b).weights) || !sameBits(layerOf(a).bias, layerOf(b).bias) {
		t.Error("the heads differ")
	}
}

func TestSoftmaxRecoversClusters(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 4, Images: 200, Dim: 40, Spread: 1, Seed: 3})
	h, r, err := Train(context.Background(), db, quick(1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Accuracy.Share < 0.97 || h.Test != r.Accuracy {
		t.Errorf("test accuracy %+v, head says %+v", r.Accuracy, h.Test)
	}
}

// naiveSGD is the recipe in the plainest float64 code, on the same minibatches.
func naiveSGD(t *testing.T, db *store.DB, cfg Config, first layer) (weights, bias []float64) {
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.NewSampler(d.index(split.Training))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	src := source(cfg.Seed, streamTraining)
	labels, dim := len(d.labels), first.dim
	bias = make([]float64, labels)
	for _, w := range first.weights {
		weights = append(weights, float64(w))
	}
	for range cfg.Steps {
		b, err := s.Draw(src, cfg.Batch)
		if err != nil {
			t.Fatal(err)
		}
		gradW, gradB, _ := naiveGradient(weights, bias, b.Rows, b.Labels, labels, dim)
		for i, g := range gradW {
			weights[i] -= cfg.Rate * g
		}
		for c, g := range gradB {
			bias[c] -= cfg.Rate * g
		}
	}
	return weights, bias
}

// naiveGradient returns the gradient of the mean cross-entropy, and the loss.
func naiveGradient(w, bias []float64, rows [][]float32, truth []int, labels, dim int) (gradW, gradB []float64, loss float64) {
	gradW, gradB = make([]float64, len(w)), make([]float64, labels)
	n := float64(len(rows))
	for i, x := range rows {
		z := make([]float64, labels)
		sum := 0.0
		for c := range z {
			z[c] = bias[c]
			for k := range dim {
				z[c] += w[c*dim+k] * float64(x[k])
			}
			sum += math.Exp(z[c])
		}
		loss += (math.Log(sum) - z[truth[i]]) / n
		for c := range z {
			g := math.Exp(z[c]) / sum / n
			if c == truth[i] {
				g -= 1 / n
			}
			gradB[c] += g
			for k := range dim {
				gradW[c*dim+k] += g * float64(x[k])
			}
		}
	}
	return gradW, gradB, loss
}

func TestSoftmaxAgreesWithNaiveDescent(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 3, Images: 60, Dim: 37, Spread: 2, Seed: 5})
	cfg := quick(400).complete()
	h := mustFit(t, db, cfg)
	first := newLayer(3, 37)
	first.initialise(rand.New(source(cfg.Seed, streamWeights)), cfg.Deviation)
	weights, bias := naiveSGD(t, db, cfg, first)
	l := layerOf(h)
	for i, want := range weights {
		if d := math.Abs(float64(l.weights[i]) - want); d > 1e-5 {
			t.Fatalf("weight %d is %v, the naive descent has %v", i, l.weights[i], want)
		}
	}
	for c, want := range bias {
		if d := math.Abs(float64(l.bias[c]) - want); d > 1e-5 {
			t.Errorf("bias %d is %v, the naive descent has %v", c, l.bias[c], want)
		}
	}
}

// The step is the gradient: compared with differences of the loss itself.
func TestStepFollowsTheGradient(t *testing.T) {
	const n, labels, dim, h = 6, 4, 21, 1e-5
	rng := rand.New(rand.NewPCG(1, 1))
	l := newLayer(labels, dim)
	w, bias := make([]float64, labels*dim), make([]float64, labels)
	for i := range w {
		l.weights[i] = float32(rng.NormFloat64())
		w[i] = float64(l.weights[i])
	}
	rows, truth := make([][]float32, n), make([]int, n)
	for i := range rows {
		truth[i] = rng.IntN(labels)
		for range dim {
			rows[i] = append(rows[i], float32(rng.NormFloat64()))
		}
	}
	loss := func() float64 {
		_, _, v := naiveGradient(w, bias, rows, truth, labels, dim)
		return v
	}
	slope := func(p *float64) float64 {
		was := *p
		*p = was + h
		up := loss()
		*p = was - h
		down := loss()
		*p = was
		return (up - down) / (2 * h)
	}
	before := slices.Clone(l.weights)
	pool := newWorkerPool(1)
	defer pool.close()
	s := newSGD(l, 1, n, pool)
	if !s.step(rows, truth) {
		t.Fatal("no finite step")
	}
	for i := range w {
		if got, want := float64(before[i]-s.weights[i]), slope(&w[i]); math.Abs(got-want) > 1e-5 {
			t.Errorf("weight %d moved by %v, the slope is %v", i, got, want)
		}
	}
	for c := range bias {
		if got, want := float64(-s.bias[c]), slope(&bias[c]); math.Abs(got-want) > 1e-5 {
			t.Errorf("bias %d moved by %v, the slope is %v", c, got, want)
		}
	}
}

func TestSameSeedSameBits(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 40, Dim: 70, Spread: 1, Seed: 9}
	a, b := mustFit(t, filled(t, c), quick(120)), mustFit(t, filled(t, c), quick(120))
	requireSameLayer(t, a, b)
	cfg := quick(120)
	cfg.EvalEvery, cfg.EvalBatch = 7, 13 // looking on changes nothing
	requireSameLayer(t, a, mustFit(t, filled(t, c), cfg))
	cfg.Seed = 1
	if sameBits(layerOf(a).weights, layerOf(mustFit(t, filled(t, c), cfg)).weights) {
		t.Error("another seed gave the same weights")
	}
}

func TestWorkersDoNotChangeBits(t *testing.T) {
	const n, labels, dim = 33, 70, 2000
	rng := rand.New(rand.NewPCG(4, 4))
	rows, truth := make([][]float32, n), make([]int, n)
	for i := range rows {
		truth[i] = rng.IntN(labels)
		for range dim {
			rows[i] = append(rows[i], rng.Float32())
		}
	}
	if !product.WorthSharing(n * labels * dim) {
		t.Fatal("too small to be shared out")
	}
	var first []float32
	for _, workers := range []int{1, 2, 3, 7} {
		pool := newWorkerPool(workers)
		l := newLayer(labels, dim)
		l.initialise(rand.New(source(1, 1)), 0.1)
		s := newSGD(l, 0.5, n, pool)
		for range 5 {
			s.step(rows, truth)
		}
		if n := testing.AllocsPerRun(3, func() { s.step(rows, truth) }); n > 0 {
			t.Errorf("%d workers: %v allocations a step", workers, n)
		}
		pool.close()
		if first == nil {
			first = s.weights
		} else if !sameBits(first, s.weights) {
			t.Errorf("%d workers give other weights than one", workers)
		}
	}
}

// fixedStore holds features made of integers only, the same on every machine.
func fixedStore(t testing.TB, labels, images, dim int) *store.DB {
	db, err := store.Open(filepath.Join(storetest.Dir(t), "features.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	rng := rand.NewPCG(1, 2)
	uniform := func() float32 { return float32(rng.Uint64()>>40) / (1 << 24) }
	err = db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/fixed", Name: "fixed"})
		if err != nil {
			return err
		}
		if err := tx.PutModel(store.Model{ID: "m", Name: "fixed", Tap: "x", Dim: dim}); err != nil {
			return err
		}
		for i := range labels * images {
			d := split.SumBytes(fmt.Append(nil, i))
			label := fmt.Sprintf("label%04d", i%labels)
			if err := tx.PutImage(root.ID, fmt.Sprintf("%s/%d.jpg", label, i), store.Image{Digest: d, Size: 1, Label: label}); err != nil {
				return err
			}
			vec := make([]float32, dim)
			for k := range vec {
				vec[k] = uniform()
			}
			vec[i%labels%dim] += 0.5
			if err := tx.PutVector("m", d, vec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// The bits of trained heads are promised to be the same on every machine, so they
// are written down, with those of the calibration. They hold for all kernels, with
// GOAMD64=v3 and on arm64. A change that moves them changes every user's heads: do
// it knowingly. (lda is not in it: its matrix is factorised by gonum.)
func TestBitsAreFrozen(t *testing.T) {
	db := fixedStore(t, 5, 60, 150)
	for kind, want := range map[string]string{
		KindSoftmax:  "d2ecabc2f97469c2",
		KindLogistic: "b2247d5900c344ed",
		KindSVM:      "df57ee9b04990a39",
		KindKNN:      "3249173a31f2a03d",
		KindBayes:    "10723a9971d8d0bb",
		KindCentroid: "e7d48c70b09c5292",
		KindMLP:      "3457007823452b74",
	} {
		sum := sha256.New()
		for _, scaling := range Scalings {
			cfg := config(kind)
			cfg.Scaling, cfg.RejectRate = scaling, 0 // prototypes have a digest of their own
			params, err := mustFit(t, db, cfg).marshalParams()
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(params)
		}
		if got := fmt.Sprintf("%x", sum.Sum(nil)[:8]); got != want {
			t.Errorf("%s changed: digest %s, want %s", kind, got, want)
		}
	}
}

func TestTrainingAllocatesNothing(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 5, Images: 40, Dim: 64, Spread: 1})
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.NewSampler(d.index(split.Training))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, workers := range []int{1, 2} {
		pool := newWorkerPool(workers)
		defer pool.close()
		sgd := newSGD(newLayer(5, 64), 0.01, 100, pool)
		src := source(1, 1)
		for range 600 { // past the first transaction and its cursors
			if _, err := s.Draw(src, 100); err != nil {
				t.Fatal(err)
			}
		}
		allocs := testing.AllocsPerRun(20, func() {
			b, err := s.Draw(src, 100)
			if err != nil || !sgd.step(b.Rows, b.Labels) {
				t.Fatal("no step", err)
			}
		})
		if allocs > 0 {
			t.Errorf("%d workers: %v allocations a step", workers, allocs)
		}
	}
}
