package train

import (
	"context"
	"slices"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// noise is data whose labels cannot be told from its features. Whoever judges a head on
// images whose views it was trained on finds that they can.
var noise = storetest.Clusters{Labels: 2, Images: 100, Dim: 40, Spread: 1000, Seed: 3}

func noiseWithViews(t *testing.T, count int) *store.DB {
	db := filled(t, noise)
	noise.FillViews(t, db, count, 0.001) // hardly another than the plain image
	return db
}

// TestFoldsKeepViewsTogether: cross-validation of every kind finds nothing in noise.
func TestFoldsKeepViewsTogether(t *testing.T) {
	db := noiseWithViews(t, 3)
	var candidates []Candidate
	for _, kind := range Kinds {
		candidates = append(candidates, Candidate{Config: config(kind)})
	}
	c, err := CrossValidate(context.Background(), db, candidates, CVOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ix := c.Images
	for _, h := range c.Heads {
		if h.Failed != "" || h.Mean > 0.65 {
			t.Errorf("%s: %.2f of %d images %s", h.Kind, h.Mean, ix, h.Failed)
		}
	}
}

// TestChoicesKeepViewsTogether: nor do the choices of C and k that heads make within
// the images they are fitted to.
func TestChoicesKeepViewsTogether(t *testing.T) {
	db := noiseWithViews(t, 3)
	for _, kind := range []string{KindLogistic, KindSVM} {
		cfg := config(kind)
		cfg.Strength = 0
		chosen := false
		_, err := Fit(context.Background(), db, cfg, func(e Event) {
			if s, ok := e.(StrengthChoice); ok {
				chosen = true
				for _, score := range s.Scores {
					if score.Accuracy > 0.65 {
						t.Errorf("%s, C = %v: accuracy %.2f of noise", kind, score.Strength, score.Accuracy)
					}
				}
			}
		})
		if err != nil || !chosen {
			t.Errorf("%s: chosen %v, %v", kind, chosen, err)
		}
	}
	// Were an image judged by its own views, one neighbour would be right always.
	table := tableOf(t, db)
	if got := fitKNN(table.augmented(), 0, newWorkerPool(1)); got.k == 1 {
		plain := fitKNN(table.plain(), 0, newWorkerPool(1))
		if plain.k != 1 {
			t.Errorf("1 neighbour, %d without views", plain.k)
		}
	}
}

// tableOf reads the training images with their views.
func tableOf(t *testing.T, db *store.DB) *table {
	t.Helper()
	d, err := openDataset(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	training := d.index(split.Training)
	out, err := readTable(context.Background(), db, training)
	if err == nil {
		err = out.readViews(context.Background(), db, training)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAugmentedCountsPhotos: rows of each image are as many, whatever views it has.
func TestAugmentedCountsPhotos(t *testing.T) {
	a, b, v, w := []float32{1}, []float32{2}, []float32{3}, []float32{4}
	table := &table{labels: 2, dims: []int{1}, rows: [][]float32{a, b}, truth: []int{0, 1}, digests: make([]split.Digest, 2), places: make([]place, 2),
		views: [][][]float32{{v, w}, nil}}
	got := table.augmented()
	if !slices.Equal(got.counts(), []int{3, 3}) || got.images() != 2 || got.perImage != 3 {
		t.Errorf("%v rows, %d images, %d rows each", got.counts(), got.images(), got.perImage)
	}
	var rows []float32
	for _, row := range got.rows {
		rows = append(rows, row[0])
	}
	if !slices.Equal(rows, []float32{1, 2, 3, 2, 4, 2}) {
		t.Errorf("rows %v", rows)
	}
	sub := table.subset([]int{1}).augmented()
	if len(sub.rows) != 1 {
		t.Errorf("%d rows of an image without views", len(sub.rows))
	}
}

// TestViewsAreTrainedOn, unless a head is asked to do without: with views or without, which differ.
func TestViewsAreTrainedOn(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 30, Dim: 30, Spread: 2, Seed: 9}
	db := filled(t, c)
	c.FillViews(t, db, 6, 2)
	for _, kind := range Kinds {
		with := mustFit(t, db, config(kind))
		cfg := config(kind)
		cfg.Plain = true
		without := mustFit(t, db, cfg)
		if with.Trained.Views == 0 || with.Trained.Augment != "synthetic" || without.Trained.Views != 0 || !without.Config.Plain {
			t.Errorf("%s: %+v and %+v", kind, with.Trained, without.Trained)
		}
		one, err := with.marshalParams()
		if err != nil {
			t.Fatal(err)
		}
		two, err := without.marshalParams()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(one, two) {
			t.Errorf("%s: views make no difference", kind)
		}
	}
}

// TestMissingViewsAreNamed, and views that are not used.
func TestMissingViewsAreNamed(t *testing.T) {
	db := noiseWithViews(t, 2)
	other := noise
	other.Model = "other"
	other.Fill(t, db)
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.SetViews("m", &store.Views{Augment: "synthetic", Count: 3})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for models, want := range map[string]string{"m": "views of training images are missing", "other": "", "m,other": "views are not used"} {
		cfg := config(KindCentroid)
		cfg.Models = strings.Split(models, ",")
		var got []string
		if _, err := Fit(context.Background(), db, cfg, func(e Event) {
			if w, ok := e.(Warning); ok {
				got = append(got, w.Message)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if found := slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "views") }); found != (want != "") ||
			found && !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, want) }) {
			t.Errorf("%s: warnings %q, want %q", models, got, want)
		}
	}
}
