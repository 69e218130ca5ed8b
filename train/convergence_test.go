package train_test

import (
	"context"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// toldUnconverged trains and returns what is told about its convergence, with the accuracy.
func toldUnconverged(t *testing.T, db *store.DB, cfg train.Config) (*train.Unconverged, train.Proportion) {
	t.Helper()
	var told *train.Unconverged
	_, r, err := train.Train(context.Background(), db, cfg, func(e train.Event) {
		if u, ok := e.(*train.Unconverged); ok {
			told = u
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return told, r.Accuracy
}

// The article's recipe on the same kind of data: with five labels it converges, with fifty
// it does not, and then a head that is fitted to the end is better.
func TestManyLabelsDoNotConverge(t *testing.T) {
	for _, c := range []struct {
		storetest.Clusters
		told bool
	}{
		{storetest.Clusters{Labels: 5, Images: 200, Dim: 24, Spread: 1, Scale: 0.3}, false},
		{storetest.Clusters{Labels: 50, Images: 40, Dim: 24, Spread: 1, Scale: 0.3}, true},
	} {
		db := storetest.Open(t)
		c.Fill(t, db)
		u, softmax := toldUnconverged(t, db, train.DefaultConfig())
		if c.told != (u != nil) {
			t.Errorf("%d labels: told %v", c.Labels, u)
			continue
		}
		if u == nil {
			continue
		}
		if !(u.Training.After < u.Training.Before-0.1 && u.Validation.After < u.Validation.Before && u.P < 0.05) || u.Steps != 4000 || u.Images < 100 {
			t.Errorf("%d labels: told %+v", c.Labels, u)
		}
		cfg := train.DefaultConfig()
		cfg.Kind, cfg.Strength = train.KindLogistic, 31.6/4.3
		other, logistic := toldUnconverged(t, db, cfg)
		if other != nil || logistic.Share < softmax.Share+0.02 {
			t.Errorf("%d labels: softmax tells %v, logistic %v (and %v)", c.Labels, softmax, logistic, other)
		}
	}
}

// Who trains for too short is told so too, whatever the settings; who does for long, not.
func TestShortTrainingIsTold(t *testing.T) {
	clusters := storetest.Clusters{Labels: 8, Images: 80, Dim: 24, Spread: 2, Scale: 0.3}
	for _, c := range []struct {
		name  string
		set   func(*train.Config)
		views int
		told  bool
	}{
		{"short", func(c *train.Config) { c.Steps = 5 }, 0, true},
		{"long", func(c *train.Config) { c.Steps, c.Rate = 2000, 0.1 }, 0, false},
		{"weights", func(c *train.Config) { c.Steps, c.Balance = 5, train.BalanceWeights }, 0, true},
		{"no balance", func(c *train.Config) { c.Steps, c.Balance = 5, train.BalanceNone }, 0, true},
		{"scaled", func(c *train.Config) { c.Steps, c.Scaling = 5, train.ScaleL2 }, 0, true},
		{"views", func(c *train.Config) { c.Steps = 5 }, 2, true},
		{"plain", func(c *train.Config) { c.Steps, c.Plain = 5, true }, 2, true},
		{"chosen", func(c *train.Config) { c.Steps, c.Kind, c.Strength, c.Neighbours = 5, train.KindAuto, 10, 3 }, 0, false},
		{"another kind", func(c *train.Config) { c.Kind = train.KindCentroid }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := storetest.Open(t)
			clusters.Fill(t, db)
			if c.views > 0 {
				clusters.FillViews(t, db, c.views, 0.2)
			}
			cfg := train.DefaultConfig()
			c.set(&cfg)
			if u, _ := toldUnconverged(t, db, cfg); (u != nil) != c.told {
				t.Errorf("told %v", u)
			}
		})
	}
}

// Nothing is told where nothing is shown: with few validation images.
func TestFewValidationImagesShowNothing(t *testing.T) {
	db := storetest.Open(t)
	clusters := storetest.Clusters{Labels: 8, Images: 80, Dim: 24, Spread: 2, Scale: 0.3}
	clusters.Fill(t, db)
	policy := split.DefaultPolicy()
	policy.Validation, policy.Testing = 1, 20
	if _, err := db.Resplit(context.Background(), policy, nil); err != nil {
		t.Fatal(err)
	}
	cfg := train.DefaultConfig()
	cfg.Steps = 5
	if u, _ := toldUnconverged(t, db, cfg); u != nil {
		t.Errorf("told %v", u)
	}
}

func TestUnconvergedString(t *testing.T) {
	u := &train.Unconverged{Steps: 4000, Images: 92, Validation: train.LossDrop{Before: 1.5, After: 1.25}, P: 1e-9}
	if s := u.String(); !strings.Contains(s, "after 4000 steps") ||
		!strings.Contains(s, "on 92 validation images falls from 1.50 to 1.25 (paired test, p < 0.001)") {
		t.Error(s)
	}
	if u.P = 0.0321; !strings.HasSuffix(u.String(), "p = 0.032)") {
		t.Error(u)
	}
}
