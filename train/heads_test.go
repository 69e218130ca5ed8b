package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// config returns quick settings of a kind.
func config(kind string) Config {
	cfg := quick(200)
	cfg.Kind = kind
	return cfg
}

func TestEveryHeadRecoversClusters(t *testing.T) {
	c := storetest.Clusters{Labels: 4, Images: 60, Dim: 40, Spread: 0.7, Seed: 3}
	db := filled(t, c)
	for _, kind := range append(slices.Clone(Kinds), KindAuto) {
		t.Run(kind, func(t *testing.T) {
			h, r, err := Train(context.Background(), db, config(kind), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Accuracy.Share < 0.95 || h.Test != r.Accuracy {
				t.Errorf("test accuracy %+v, head says %+v", r.Accuracy, h.Test)
			}
			if r.LogLoss > 0.25 || r.ECE > 0.2 {
				t.Errorf("log loss %v, calibration error %v", r.LogLoss, r.ECE)
			}
			if kind != KindAuto && h.Kind != kind || h.Config.Kind != h.Kind {
				t.Errorf("kind %q, settings of %q", h.Kind, h.Config.Kind)
			}
		})
	}
}

func TestEveryHeadSurvivesTheStore(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 60, Dim: 19, Spread: 1, Seed: 4}
	db := filled(t, c)
	for _, kind := range Kinds {
		for _, scaling := range Scalings {
			t.Run(kind+" "+scaling, func(t *testing.T) {
				cfg := config(kind)
				cfg.Scaling, cfg.RejectRate, cfg.Prior, cfg.Strength = scaling, 0.1, PriorUniform, 1
				h := mustFit(t, db, cfg)
				if err := h.Save(db, kind); err != nil {
					t.Fatal(err)
				}
				back, err := Load(db, kind)
				if err != nil {
					t.Fatal(err)
				}
				ignore := cmp.FilterPath(func(p cmp.Path) bool {
					return strings.HasSuffix(p.String(), "classifier") || strings.HasSuffix(p.String(), "scaling")
				}, cmp.Ignore())
				if d := cmp.Diff(h, back, ignore, cmp.AllowUnexported(Head{}, prototypes{})); d != "" {
					t.Errorf("head changed on its way through the store:\n%s", d)
				}
				requireSamePredictions(t, c, h, back)
			})
		}
	}
}

func requireSamePredictions(t *testing.T, c storetest.Clusters, a, b *Head) {
	t.Helper()
	pa, pb := make([]float64, len(a.Labels)), make([]float64, len(a.Labels))
	for i := range 20 {
		x := c.Vector(i%c.Labels, i)
		if err := errors.Join(a.Predict(x, pa), b.Predict(x, pb)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(pa) != fmt.Sprint(pb) {
			t.Fatalf("predictions %v and %v", pa, pb)
		}
	}
}

// Whatever the kind, what is learnt does not depend on the labels of the testing
// split: with poison in these, the heads predict the same.
func TestNoHeadSeesTestLabels(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 80, Dim: 12, Spread: 1.5}
	clean, poisoned := filled(t, c), filled(t, c)
	relabel(t, poisoned, c, func(s split.Split, l int) int {
		if s == split.Testing {
			return (l + 1) % c.Labels
		}
		return l
	})
	for _, kind := range append(slices.Clone(Kinds), KindAuto) {
		t.Run(kind, func(t *testing.T) {
			a, ra, err := Train(context.Background(), clean, config(kind), nil)
			if err != nil {
				t.Fatal(err)
			}
			b, rb, err := Train(context.Background(), poisoned, config(kind), nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.Kind != b.Kind || a.Temperature != b.Temperature {
				t.Errorf("%s at %v and %s at %v", a.Kind, a.Temperature, b.Kind, b.Temperature)
			}
			requireSamePredictions(t, c, a, b)
			if ra.Accuracy.Share < 0.6 || rb.Accuracy.Share > 0.4 {
				t.Errorf("clean %v, poisoned %v: the poison did not reach the test", ra.Accuracy, rb.Accuracy)
			}
		})
	}
}

// relabel gives images new labels.
func relabel(t *testing.T, db *store.DB, c storetest.Clusters, to func(s split.Split, label int) int) {
	t.Helper()
	err := db.Update(func(tx *store.Tx) error {
		for l := range c.Labels {
			for i := range c.Images {
				s, err := tx.Split(c.Digest(l, i))
				if err != nil {
					return err
				}
				path := fmt.Sprintf("%s/%06d.jpg", c.Label(l), i)
				if err := tx.PutImage(1, path, store.Image{Digest: c.Digest(l, i), Size: 1000, MTime: 1, Label: c.Label(to(s, l))}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// oddStore holds features that make trouble: of image i of label l as vec says.
func oddStore(t *testing.T, images []int, dim int, vec func(l, i int) []float32) *store.DB {
	db := storetest.Open(t)
	err := db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/odd", Name: "odd"})
		if err != nil {
			return err
		}
		if err := tx.PutModel(store.Model{ID: "m", Name: "odd", Dim: dim}); err != nil {
			return err
		}
		for l, n := range images {
			for i := range n {
				d := split.SumBytes(fmt.Append(nil, l, "/", i))
				label := fmt.Sprintf("label%04d", l)
				if err := tx.PutImage(root.ID, fmt.Sprintf("%s/%d.jpg", label, i), store.Image{Digest: d, Size: 1, Label: label}); err != nil {
					return err
				}
				s := split.Training
				if i%5 == 4 {
					s = split.Split(1 + i/5%2)
				}
				if err := tx.SetSplit(d, s); err != nil {
					return err
				}
				if err := tx.PutVector("m", d, vec(l, i)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Every head either works on odd data or refuses with a reason; none of them
// panics, hangs or predicts what is no number.
func TestEveryHeadOnOddData(t *testing.T) {
	wave := func(l, i, k int) float32 { return float32((l*7+i*3+k*5)%11) / 11 }
	for _, c := range []struct {
		name   string
		images []int
		dim    int
		vec    func(l, i int) []float32
	}{
		{"all features the same", []int{30, 30}, 8, func(l, i int) []float32 { return []float32{1, 1, 1, 1, 1, 1, 1, 1} }},
		{"all features zero", []int{30, 30}, 3, func(l, i int) []float32 { return make([]float32, 3) }},
		{"constant and duplicate features", []int{30, 40, 50}, 4, func(l, i int) []float32 {
			return []float32{float32(l) + wave(l, i, 0), 5, wave(l, i, 1), wave(l, i, 1)}
		}},
		{"labels of one image", []int{1, 1, 30, 1}, 4, func(l, i int) []float32 { return []float32{float32(l), wave(l, i, 0), 1, wave(l, i, 2)} }},
		{"one image each", []int{1, 1, 1}, 4, func(l, i int) []float32 { return []float32{float32(l), 1, 0, 2} }},
		{"one feature", []int{20, 20}, 1, func(l, i int) []float32 { return []float32{float32(l) + wave(l, i, 0)} }},
		{"huge features", []int{20, 20}, 2, func(l, i int) []float32 { return []float32{1e18 * (float32(l) + wave(l, i, 0)), -1e18} }},
		{"features at the end of float32", []int{20, 20}, 2, func(l, i int) []float32 { return []float32{3e38 * (float32(l) - wave(l, i, 0)), -3e38} }},
		{"features at its other end", []int{20, 20}, 2, func(l, i int) []float32 { return []float32{1e-45 * float32(l+i%3), 1e-45} }},
		{"tiny features", []int{20, 20}, 2, func(l, i int) []float32 { return []float32{1e-30 * (float32(l) + wave(l, i, 0)), 1e-38} }},
		{"equal images of two labels", []int{20, 20}, 3, func(l, i int) []float32 { return []float32{wave(0, i, 0), wave(0, i, 1), wave(0, i, 2)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := oddStore(t, c.images, c.dim, c.vec)
			for _, kind := range append(slices.Clone(Kinds), KindAuto) {
				h, _, err := Train(context.Background(), db, config(kind), nil)
				if err != nil {
					if !errors.Is(err, ErrTooFew) && !errors.Is(err, ErrDiverged) {
						t.Errorf("%s: %v", kind, err)
					}
					t.Logf("%s refuses: %v", kind, err)
					continue
				}
				requireProbabilities(t, kind, h, c.vec(0, 0))
				if err := h.Save(db, "odd"); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				if _, err := Load(db, "odd"); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}
		})
	}
}

func requireProbabilities(t *testing.T, kind string, h *Head, x []float32) {
	t.Helper()
	p := make([]float64, len(h.Labels))
	if err := h.Predict(x, p); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range p {
		if !(v >= 0) {
			t.Errorf("%s: probabilities %v", kind, p)
			return
		}
		sum += v
	}
	if !near(sum, 1, 1e-9) {
		t.Errorf("%s: probabilities sum up to %v", kind, sum)
	}
}

func TestThousandLabels(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const labels = 1000
	images := make([]int, labels)
	for l := range images {
		images[l] = 5 + l%2
	}
	db := oddStore(t, images, 16, func(l, i int) []float32 {
		v := make([]float32, 16)
		for k := range v {
			v[k] = float32((l*31+k*k*17)%101)/101 + float32(i*k%7)/70
		}
		return v
	})
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			cfg := config(kind)
			cfg.Steps, cfg.Strength = 5, 0.01
			h, _, err := Train(context.Background(), db, cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(h.Labels) != labels {
				t.Errorf("%d labels", len(h.Labels))
			}
		})
	}
}

// Two networks together tell apart what neither does alone.
func TestSeveralNetworks(t *testing.T) {
	const labels, images = 4, 100
	db := storetest.Open(t)
	side := func(l int, high bool) float32 { // network a sees the low bit of the label, b the high one
		if high {
			return float32(l / 2)
		}
		return float32(l % 2)
	}
	err := db.Update(func(tx *store.Tx) error {
		root, err := tx.PutRoot(store.Root{Path: "/two", Name: "two"})
		if err != nil {
			return err
		}
		for id, dim := range map[string]int{"a": 3, "b": 2} {
			if err := tx.PutModel(store.Model{ID: id, Name: id, Dim: dim}); err != nil {
				return err
			}
		}
		for i := range labels * images {
			l := i % labels
			d := split.SumBytes(fmt.Append(nil, i))
			noise := float32(d[0]) / 700
			if err := tx.PutImage(root.ID, fmt.Sprintf("%d/%d.jpg", l, i), store.Image{Digest: d, Size: 1, Label: fmt.Sprint("label", l)}); err != nil {
				return err
			}
			// The second network's numbers are a thousand times larger.
			if err := errors.Join(tx.PutVector("a", d, []float32{side(l, false) + noise, 1, noise}),
				tx.PutVector("b", d, []float32{1000 * (side(l, true) + noise), 1000})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds {
		accuracy := func(models ...string) float64 {
			cfg := config(kind)
			cfg.Models, cfg.Steps, cfg.Rate = models, 800, 0.4
			h, r, err := Train(context.Background(), db, cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if kind == KindSoftmax && h.scaling.identity() != (len(models) == 1) {
				t.Errorf("blocks of %v: scaling %+v", models, h.scaling)
			}
			return r.Accuracy.Share
		}
		if a, both := accuracy("a"), accuracy("a", "b"); a > 0.7 || both < 0.9 {
			t.Errorf("%s: %.2f with one network, %.2f with both", kind, a, both)
		}
	}
}
