package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// warningsOf trains and returns the warnings.
func warningsOf(t *testing.T, db *store.DB, cfg Config) []string {
	t.Helper()
	var out []string
	_, _, err := Train(context.Background(), db, cfg, func(e Event) {
		if w, ok := e.(Warning); ok {
			out = append(out, w.String())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func requireWarning(t *testing.T, warnings []string, want string) {
	t.Helper()
	if !strings.Contains(strings.Join(warnings, "\n"), want) {
		t.Errorf("no warning says %q: %q", want, warnings)
	}
}

// fixSplits moves the images of a label for which where gives a split.
func fixSplits(t *testing.T, db *store.DB, c storetest.Clusters, where func(label, i int) split.Split) {
	t.Helper()
	err := db.Update(func(tx *store.Tx) error {
		for l := range c.Labels {
			for i := range c.Images {
				if err := tx.SetSplit(c.Digest(l, i), where(l, i)); err != nil {
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

func TestValidationEvents(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 3, Images: 200, Dim: 16, Spread: 0.5})
	cfg := quick(250)
	var lines []string
	var last Validation
	_, report, err := Train(context.Background(), db, cfg, func(e Event) {
		if v, ok := e.(Validation); ok { // images drawn so near each other are a Leak too
			lines, last = append(lines, v.String()), v
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Step 100: Validation accuracy on random sampled 100 examples = 100.0%",
		"Step 200: Validation accuracy on random sampled 100 examples = 100.0%",
		"Step 250: Validation accuracy on random sampled 100 examples = 100.0%",
	}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("got %q", lines)
	}
	if last.Loss <= 0 || last.Loss > 0.2 || last.TrainLoss <= 0 || last.TrainAccuracy.Total != 100 {
		t.Errorf("last event %+v", last)
	}
	if got := report.String(); got != "Final test accuracy = 100.0%" {
		t.Errorf("got %q", got)
	}
	if n := report.Accuracy.Total; report.Interval() != fmt.Sprintf("95%% interval %.1f%% to 100.0%% (%d of %d images)", 100*report.Accuracy.Low, n, n) {
		t.Errorf("got %q", report.Interval())
	}
}

// Only the split decides what is trained on: with other labels on all the test and
// validation images the weights of a softmax head are the same.
func TestSoftmaxTrainsOnTheTrainingSplitOnly(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 120, Dim: 20, Spread: 1}
	clean, poisoned := filled(t, c), filled(t, c)
	relabel(t, poisoned, c, func(s split.Split, l int) int {
		if s == split.Training {
			return l
		}
		return (l + 1) % c.Labels
	})
	requireSameLayer(t, mustFit(t, clean, quick(150)), mustFit(t, poisoned, quick(150)))
}

func TestRefusals(t *testing.T) {
	c := storetest.Clusters{Labels: 2, Images: 10, Dim: 8, Spread: 1}
	oneLabel := c
	oneLabel.Labels = 1
	for _, tc := range []struct {
		name string
		db   func(t *testing.T) *store.DB
		cfg  func(*Config)
		want error
		says string
	}{
		{name: "empty store", want: ErrNoImages, says: "ingest", db: func(t *testing.T) *store.DB { return storetest.Open(t) }},
		{name: "one label", want: ErrOneLabel, says: `"label00"`, db: func(t *testing.T) *store.DB { return filled(t, oneLabel) }},
		{name: "nothing to train on", want: ErrEmptySplit, says: "larger share", db: func(t *testing.T) *store.DB {
			db := filled(t, c)
			fixSplits(t, db, c, func(l, i int) split.Split { return split.Testing })
			return db
		}},
		{name: "several networks", want: ErrConfig, says: "choose one", db: func(t *testing.T) *store.DB {
			db := filled(t, c)
			more := c
			more.Model = "other"
			more.Fill(t, db)
			return db
		}},
		{name: "unknown network", want: store.ErrNotFound, says: "nix", cfg: func(c *Config) { c.Models = []string{"nix"} }},
		{name: "kind", want: ErrUnknownKind, says: `"magic"`, cfg: func(c *Config) { c.Kind = "magic" }},
		{name: "steps", want: ErrConfig, says: "steps is -1", cfg: func(c *Config) { c.Steps = -1 }},
		{name: "rate", want: ErrConfig, says: "rate", cfg: func(c *Config) { c.Rate = -1 }},
		{name: "batch", want: ErrConfig, says: "batch", cfg: func(c *Config) { c.Batch = 1 << 30 }},
		{name: "validations", want: ErrConfig, says: "validations", cfg: func(c *Config) { c.EvalEvery = -1 }},
		{name: "validation", want: ErrConfig, says: "validation", cfg: func(c *Config) { c.EvalBatch = -1 }},
		{name: "deviation", want: ErrConfig, says: "deviation", cfg: func(c *Config) { c.Deviation = -1 }},
		{name: "hidden", want: ErrConfig, says: "hidden layer is 0", cfg: func(c *Config) { c.Kind, c.Hidden = KindMLP, []int{8, 0} }},
		{name: "wide", want: ErrConfig, says: "1 to 16384 units", cfg: func(c *Config) { c.Kind, c.Hidden = KindMLP, []int{1 << 15} }},
		{name: "deep", want: ErrConfig, says: "at most 8", cfg: func(c *Config) { c.Kind, c.Hidden = KindMLP, make([]int, 9) }},
		{name: "dropout", want: ErrConfig, says: "dropout is 1", cfg: func(c *Config) { c.Kind, c.Dropout = KindMLP, 1 }},
		{name: "smoothing", want: ErrConfig, says: "smoothing is NaN", cfg: func(c *Config) { c.Kind, c.Smoothing = KindMLP, math.NaN() }},
		{name: "decay", want: ErrConfig, says: "decay is -1", cfg: func(c *Config) { c.Kind, c.Decay = KindMLP, -1 }},
		{name: "divergence of mlp", want: ErrDiverged, says: "lower learning rate", cfg: func(c *Config) { c.Kind, c.Rate = KindMLP, 1e38 }},
		{name: "divergence", want: ErrDiverged, says: "lower learning rate", cfg: func(c *Config) { c.Rate = 1e38 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := quick(60)
			if tc.cfg != nil {
				tc.cfg(&cfg)
			}
			if tc.db == nil {
				tc.db = func(t *testing.T) *store.DB { return filled(t, c) }
			}
			_, _, err := Train(context.Background(), tc.db(t), cfg, nil)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want one that is %q and says %q", err, tc.want, tc.says)
			}
		})
	}
}

func TestOneStrangerIsNotSeveral(t *testing.T) {
	d := &dataset{}
	d.strangers[split.Validation] = 1
	for _, s := range split.All {
		d.splits[s] = &store.Index{}
	}
	d.splits[split.Training].Incomplete = 1
	want := []string{
		"1 image has features of some of the networks only and is left out: ingest the photos with each network",
		"1 image of the validation split has a label without a training image, so it is left out: add photos of such labels",
	}
	if got := d.leftOut(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWarnings(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 30, Dim: 8, Spread: 1}
	t.Run("empty splits and few images", func(t *testing.T) {
		db := filled(t, c)
		fixSplits(t, db, c, func(l, i int) split.Split { return split.Training })
		w := warningsOf(t, db, quick(10))
		requireWarning(t, w, "the validation split is empty, so training goes unwatched")
		requireWarning(t, w, "the testing split is empty, so the accuracy is one of cross-validation")
		requireWarning(t, w, "only 0 validation images, so the probabilities are not calibrated: add photos")
	})
	t.Run("labels missing from a split", func(t *testing.T) {
		db := filled(t, c)
		fixSplits(t, db, c, func(l, i int) split.Split {
			switch {
			case l == 2 && i < 15:
				return split.Testing // label02 is not trained
			case l == 2:
				return split.Validation
			case l == 0 && i < 12:
				return split.Testing // label00 is left with 18 training images
			}
			return split.Training
		})
		w := warningsOf(t, db, quick(10))
		requireWarning(t, w, `fewer than 20 training images of "label00"`)
		requireWarning(t, w, `the testing split has no image of "label01"`)
		requireWarning(t, w, `15 images of the testing split have labels without a training image, so they count as mistaken`)
		requireWarning(t, w, `15 images of the validation split have labels`)
		h, r, err := Train(context.Background(), db, quick(100), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Accuracy.Total != 27 || r.Accuracy.Correct > 12 || len(h.Labels) != 2 {
			t.Errorf("images of an unknown label must count as mistaken: %+v", r.Accuracy)
		}
		requireWarning(t, r.Warnings, `the head does not know "label02"`)
		if len(r.Confusion.Labels) != 3 || r.Labels[2].Support != 15 || r.Labels[2].Recall != 0 {
			t.Errorf("unknown label in the report: %+v", r.Labels)
		}
	})
	t.Run("features of one network only", func(t *testing.T) {
		db := filled(t, c)
		fewer := c
		fewer.Model, fewer.Images = "other", 25
		fewer.Fill(t, db)
		cfg := quick(10)
		cfg.Models = []string{"m", "other"}
		requireWarning(t, warningsOf(t, db, cfg), "images have features of some of the networks only")
	})
}

func TestCancel(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 8, Spread: 1})
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	_, _, err := Train(ctx, db, quick(1e9), func(e Event) {
		if _, ok := e.(Validation); ok {
			if seen++; seen == 3 {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) || seen != 3 {
		t.Errorf("got %v after %d validations", err, seen)
	}
	if _, err := Evaluate(ctx, db, mustFit(t, db, quick(5)), split.Training); !errors.Is(err, context.Canceled) {
		t.Errorf("evaluation of a cancelled context: %v", err)
	}
}

func TestReportNamesTheMistaken(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 150, Dim: 4, Spread: 2}
	db := filled(t, c)
	_, r, err := Train(context.Background(), db, quick(300), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Misses) != r.Accuracy.Total-r.Accuracy.Correct || len(r.Misses) == 0 {
		t.Fatalf("%d misses, accuracy %+v", len(r.Misses), r.Accuracy)
	}
	for i, m := range r.Misses {
		if i > 0 && m.Probability > r.Misses[i-1].Probability {
			t.Error("misses are not sorted by confidence")
		}
		if len(m.Paths) != 1 || !strings.HasPrefix(m.Paths[0], "/synthetic/"+m.Truth+"/") || m.Truth == m.Predicted {
			t.Errorf("miss %+v", m)
		}
	}
	if _, err := Evaluate(context.Background(), db, &Head{Models: []string{"m"}, Dim: 5}, split.Testing); !errors.Is(err, ErrWrongFeature) {
		t.Errorf("head of another dimension: %v", err)
	}
}
