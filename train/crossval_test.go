package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func TestFoldsAreStratified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.IntRange(1, 6).Draw(t, "labels")
		truth := rapid.SliceOfN(rapid.IntRange(0, labels-1), 1, 200).Draw(t, "truth")
		k := rapid.IntRange(2, 8).Draw(t, "k")
		folds := makeFolds(truth, labels, k, 1, 0)
		size, byLabel := make([]int, k), make([][]int, labels)
		for l := range byLabel {
			byLabel[l] = make([]int, k)
		}
		for i, f := range folds {
			size[f]++
			byLabel[truth[i]][f]++
		}
		for _, counts := range append(byLabel, size) {
			if slices.Max(counts)-slices.Min(counts) > 1 {
				t.Fatalf("folds of sizes %v", counts)
			}
		}
		if !slices.Equal(folds, makeFolds(truth, labels, k, 1, 0)) {
			t.Fatal("the same seed gave other folds")
		}
	})
}

// The margin is Nadeau and Bengio's: 2.262157 (t of 9 degrees) · sd · √(1/10 + 1/4).
func TestSummarise(t *testing.T) {
	x := []float64{0.9, 0.92, 0.88, 0.91, 0.9, 0.93, 0.89, 0.9, 0.92, 0.87}
	s := summarise(x, 0.25)
	if !near(s.mean, 0.902, 1e-12) || !near(s.deviation, 0.018737959, 1e-8) || !near(s.margin, 2.262157163*0.018737959*math.Sqrt(0.35), 1e-8) {
		t.Errorf("got %+v", s)
	}
	if s := summarise([]float64{1, 2, 3, 4}, 0); !near(s.p, 0.030466, 1e-5) { // R: t.test(1:4)$p.value
		t.Errorf("p = %v", s.p)
	}
	if s := summarise([]float64{0, 0, 0}, 0.25); s.p != 1 || s.margin != 0 {
		t.Errorf("no difference at all: %+v", s)
	}
}

// Three folds of 11 photos that happen to agree do not make an accuracy certain, nor
// a difference of one photo a fold real.
func TestFoldsThatAgreeAreNotCertain(t *testing.T) {
	same := []float64{7. / 11, 7. / 11, 7. / 11}
	wantLow, wantHigh := Wilson(21, 33, Z95)
	if low, high := summarise(same, 0.5).interval(33); low != wantLow || high != wantHigh {
		t.Errorf("interval %v to %v, want %v to %v", low, high, wantLow, wantHigh)
	}
	p := pairedTest(HeadScore{Folds: []float64{8. / 11, 8. / 11, 8. / 11}}, HeadScore{Folds: same}, 0.5, 33)
	if p.P < 0.05 || p.Low > 0 {
		t.Errorf("one photo in three folds of 11 is no difference: %+v", p)
	}
	if p := pairedTest(HeadScore{Folds: same}, HeadScore{Folds: same}, 0.5, 33); p.P != 1 || p.Low != 0 || p.High != 0 {
		t.Errorf("the same head twice: %+v", p)
	}
}

func candidates(configs []Config) []Candidate {
	var out []Candidate
	for _, cfg := range configs {
		out = append(out, Candidate{Config: cfg})
	}
	return out
}

func TestCrossValidate(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 60, Dim: 10, Spread: 1.6, Seed: 2}
	db := filled(t, c)
	configs := []Config{config(KindSoftmax), config(KindCentroid), config(KindLDA), config(KindKNN)}
	var progress []Progress
	cmp, err := CrossValidate(context.Background(), db, candidates(configs), CVOptions{Folds: 4, Repeats: 2},
		func(e Event) { progress = append(progress, e.(Progress)) })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(progress); n != 4*2*4 || progress[n-1] != (Progress{"cross-validation", n, n}) {
		t.Errorf("progress %v", progress)
	}
	testing := 0
	if ix, err := db.Index([]string{"m"}, split.Testing); err == nil {
		testing = ix.Len()
	}
	if cmp.Images != 180-testing || cmp.Labels != 3 || len(cmp.Heads) != 4 || len(cmp.Pairs) != 3 {
		t.Errorf("%+v", cmp)
	}
	for _, h := range cmp.Heads {
		if len(h.Folds) != 8 || h.Mean < 0.7 || h.Low > h.Mean || h.High < h.Mean || h.Failed != "" {
			t.Errorf("%+v", h)
		}
	}
	for _, p := range cmp.Pairs {
		if p.A != cmp.Heads[cmp.Best].Kind || p.Difference < 0 || p.Low > p.Difference || p.P < 0 || p.P > 1 {
			t.Errorf("%+v", p)
		}
		if strings.Contains(p.String(), "no difference shown") == p.Shown() {
			t.Errorf("%q, shown is %v", p, p.Shown())
		}
	}
	if lines := strings.Split(cmp.String(), "\n"); len(lines) != 5 || !strings.Contains(lines[1], "softmax") {
		t.Errorf("table:\n%v", cmp)
	}
	again, err := CrossValidate(context.Background(), db, candidates(configs), CVOptions{Folds: 4, Repeats: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range again.Heads {
		if !slices.Equal(h.Folds, cmp.Heads[i].Folds) {
			t.Errorf("%s: %v and then %v", h.Kind, cmp.Heads[i].Folds, h.Folds)
		}
	}
}

// In cross-validation too a softmax head reads its minibatches from the store: what
// it learns from all the training split's images in two parts is what it learns
// from one.
func TestDrawersOfOneAndSeveralParts(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 50, Dim: 4, Spread: 1}
	db := filled(t, c)
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	ix := d.index(split.Training)
	first, second := map[split.Digest]bool{}, map[split.Digest]bool{}
	for _, keys := range ix.Keys {
		for i, k := range keys {
			first[k] = i < len(keys)/3
			second[k] = !first[k]
		}
	}
	parts := []*store.Index{pickFrom(ix, first), pickFrom(ix, second)}
	if parts[0].Len()+parts[1].Len() != ix.Len() {
		t.Fatalf("%d and %d of %d images", parts[0].Len(), parts[1].Len(), ix.Len())
	}
	for _, balance := range []string{BalanceSampler, BalanceNone} {
		one, err := openDrawer(db, []*store.Index{ix}, balance, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		two, err := openDrawer(db, parts, balance, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer two.Close()
		srcOne, srcTwo := source(1, 1), source(1, 1)
		for range 20 {
			a, err := one.Draw(srcOne, 30)
			if err != nil {
				t.Fatal(err)
			}
			digests := slices.Clone(a.Digests)
			b, err := two.Draw(srcTwo, 30)
			if err != nil {
				t.Fatal(err)
			}
			other := slices.Clone(b.Digests)
			slices.SortFunc(digests, split.Digest.Compare)
			slices.SortFunc(other, split.Digest.Compare)
			if !slices.Equal(digests, other) {
				t.Fatalf("balance %s: other images from two parts", balance)
			}
			for i, row := range b.Rows {
				checkRow(t, c, b.Digests[i], b.Labels[i], row)
			}
		}
	}
}

func checkRow(t *testing.T, c storetest.Clusters, d split.Digest, label int, row []float32) {
	t.Helper()
	for i := range c.Images {
		if c.Digest(label, i) == d {
			if !sameBits(row, c.Vector(label, i)) {
				t.Errorf("image %d of label %d came with another's features", i, label)
			}
			return
		}
	}
	t.Errorf("%v is no image of label %d", d.Short(), label)
}

func TestCrossValidationRefusals(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 10, Dim: 3, Spread: 1})
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		configs []Config
		opt     CVOptions
		want    error
	}{
		{"no heads", nil, CVOptions{}, ErrConfig},
		{"auto", []Config{config(KindAuto)}, CVOptions{}, ErrConfig},
		{"one fold", []Config{config(KindKNN)}, CVOptions{Folds: 1}, ErrConfig},
		{"repeats", []Config{config(KindKNN)}, CVOptions{Repeats: -1}, ErrConfig},
		{"too many folds", []Config{config(KindKNN)}, CVOptions{Folds: 100}, ErrTooFew},
		{"unknown", []Config{config("magic")}, CVOptions{}, ErrUnknownKind},
	} {
		if _, err := CrossValidate(ctx, db, candidates(c.configs), c.opt, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := CrossValidate(cancelled, db, candidates([]Config{config(KindSVM)}), CVOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := LearningCurve(ctx, db, config(KindAuto), CVOptions{}, nil); !errors.Is(err, ErrConfig) {
		t.Errorf("curve of no kind: %v", err)
	}
}

func TestAutoShowsItsComparison(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 3, Images: 50, Dim: 8, Spread: 1.5})
	var table *Comparison
	h, _, err := Train(context.Background(), db, config(KindAuto), func(e Event) {
		if c, ok := e.(*Comparison); ok {
			table = c
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if table == nil || len(table.Heads) != len(AutoKinds) || table.Heads[table.Best].Kind != h.Kind {
		t.Errorf("kept %s out of %v", h.Kind, table)
	}
}

func TestAutoSaysWhatItDoesNotTry(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 60, Dim: 8, Spread: 1.5})
	cfg := config(KindAuto)
	cfg.Balance, cfg.Strength = BalanceWeights, 1
	w := warningsOf(t, db, cfg)
	for _, kind := range []string{KindLDA, KindKNN, KindBayes, KindCentroid} {
		requireWarning(t, w, kind+" is not tried: setting out of range: balance is weights, want none")
	}
	cfg.Balance = "magic"
	if _, _, err := Train(context.Background(), db, cfg, nil); !errors.Is(err, ErrConfig) {
		t.Errorf("no such balance: %v", err)
	}
}

func TestLearningCurve(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 3, Images: 130, Dim: 30, Spread: 4, Seed: 6})
	c, err := LearningCurve(context.Background(), db, config(KindCentroid), CVOptions{Folds: 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Points) != 6 {
		t.Fatalf("points %+v", c.Points)
	}
	for i, p := range c.Points {
		if p.Low > p.Mean || p.High < p.Mean || i > 0 && math.Abs(float64(p.Images)/float64(c.Points[i-1].Images)-2) > 0.2 {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if first, last := c.Points[0], c.Points[5]; last.Mean < first.Mean+0.1 {
		t.Errorf("more images did not help: %+v to %+v", first, last)
	}
	if !strings.Contains(c.String(), fmt.Sprint(c.Points[5].Images)) {
		t.Errorf("table:\n%v", c)
	}
}
