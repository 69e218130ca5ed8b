package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"featstore/store"
	"featstore/store/storetest"
)

// Saved heads are judged with their own settings, under their own names, and what they
// chose on all training images they choose anew.
func TestCrossValidateSavedHeads(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 3, Images: 60, Dim: 10, Spread: 1.6, Seed: 2})
	weak, chosen := config(KindLogistic), config(KindKNN)
	weak.Strength = 1e-6
	var saved []Candidate
	for name, cfg := range map[string]Config{"a rather long name": weak, "chosen": chosen} {
		if err := mustFit(t, db, cfg).Save(db, name); err != nil {
			t.Fatal(err)
		}
		h, err := Load(db, name)
		if err != nil {
			t.Fatal(err)
		}
		saved = append(saved, Candidate{Name: name, Config: h.Recipe()})
	}
	slices.SortFunc(saved, func(a, b Candidate) int { return strings.Compare(a.Name, b.Name) })
	if got := saved[0].Config.Strength; got != 1e-6 {
		t.Errorf("C was given as 1e-6, the recipe has %v", got)
	}
	if got := saved[1].Config.Neighbours; got != 0 {
		t.Errorf("k was chosen, the recipe fixes it to %d", got)
	}
	opt := CVOptions{Folds: 4}
	got, err := CrossValidate(context.Background(), db, append(saved, Candidate{Config: config(KindLogistic)}), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := CrossValidate(context.Background(), db, candidates([]Config{weak, chosen}), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range alone.Heads {
		if !slices.Equal(h.Folds, got.Heads[i].Folds) {
			t.Errorf("%s: %v with the settings, %v as a saved head", h.Kind, h.Folds, got.Heads[i].Folds)
		}
	}
	if slices.Equal(got.Heads[0].Folds, got.Heads[2].Folds) {
		t.Errorf("C = 1e-6 and a chosen one did the same in every fold: %v", got.Heads[0].Folds)
	}
	for i, name := range []string{"a rather long name", "chosen", KindLogistic} {
		if got.Heads[i].Name != name || !strings.HasPrefix(strings.Split(got.String(), "\n")[i+1], name+" ") {
			t.Errorf("head %d is %q in\n%v", i, got.Heads[i].Name, got)
		}
	}
}

func TestCrossValidateHeadsOfDifferentNetworks(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 40, Dim: 6, Spread: 2, Seed: 2}
	db := filled(t, c)
	other := c
	other.Model, other.Dim, other.Spread = "other", 9, 0.1
	other.Fill(t, db)
	var asked []Candidate
	for _, models := range [][]string{{"m"}, {"other"}, {"m", "other"}} {
		cfg := config(KindCentroid)
		cfg.Models = models
		asked = append(asked, Candidate{Name: strings.Join(models, "+"), Config: cfg})
	}
	got, err := CrossValidate(context.Background(), db, asked, CVOptions{Folds: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Best == 0 || got.Heads[1].Mean != 1 || !(got.Heads[0].Mean < 0.95) {
		t.Errorf("clusters far apart in one network only:\n%v", got)
	}
	if len(got.Pairs) != 2 || got.Pairs[0].B != "m" || !got.Pairs[0].Shown() {
		t.Errorf("%+v", got.Pairs)
	}

	late := c
	late.Images++
	late.Fill(t, db) // an image without features of the other network
	if _, err := CrossValidate(context.Background(), db, asked[:2], CVOptions{Folds: 3}, nil); !errors.Is(err, ErrConfig) ||
		!strings.Contains(err.Error(), "ingest") {
		t.Errorf("different images: %v", err)
	}
	asked[1].Config.Models = []string{"none such"}
	if _, err := CrossValidate(context.Background(), db, asked[:2], CVOptions{Folds: 3}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such network: %v", err)
	}
}
