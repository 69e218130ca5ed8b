package report

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// labelledStore has photos of k labels around directions of their own, so near each other
// that some are confused.
func labelledStore(t testing.TB, k, n int) *store.DB {
	t.Helper()
	db := storetest.Open(t)
	rng := rand.New(rand.NewPCG(5, 6))
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		errs := []error{err, tx.PutModel(store.Model{ID: "m", Dim: 16})}
		for i := range k * n {
			d := split.SumBytes([]byte(fmt.Sprint(i)))
			vec := make([]float32, 16)
			for j := range vec {
				vec[j] = float32(rng.NormFloat64())
			}
			vec[i%k] += 2
			im := store.Image{Digest: d, Label: fmt.Sprint("label", i%k), MTime: int64(i)}
			errs = append(errs, tx.PutImage(1, fmt.Sprintf("%d.jpg", i), im), tx.PutVector("m", d, vec))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func logistic(t testing.TB, db *store.DB) *train.Head {
	t.Helper()
	h, err := train.Fit(t.Context(), db, train.Config{Kind: train.KindLogistic, Strength: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Every part is there, and the photos behind the confusion matrix are as many as it says.
func TestGather(t *testing.T) {
	db := labelledStore(t, 3, 80)
	f, err := Gather(t.Context(), db, Options{Head: logistic(t, db), Name: "some", Split: split.Testing}, nil)
	if err != nil || len(f.Missing) != 0 {
		t.Fatalf("missing %v, %v", f.Missing, err)
	}
	e := f.Evaluation
	counts := 0
	for _, c := range e.Cells {
		for i, label := range e.Confusion.Labels {
			for j, other := range e.Confusion.Labels {
				if label == c.Truth && other == c.Predicted && e.Confusion.Counts[i][j] != len(c.Photos) {
					t.Errorf("%s taken for %s: %d photos, the matrix says %d", label, other, len(c.Photos), e.Confusion.Counts[i][j])
				}
			}
		}
		counts += len(c.Photos)
	}
	if counts != e.Accuracy.Total || len(e.Misses) == 0 || !e.Fresh || e.Head != "some" {
		t.Errorf("%d photos in cells of %d; %+v", counts, e.Accuracy.Total, e)
	}
	if len(f.Suspects.Ranked) != 60 || f.Suspects.Photos != 240 || len(f.Odd) != 24 || len(f.Map.Points) != 240 || f.Drift == nil || len(f.Curve.Points) == 0 {
		t.Errorf("%+v", f)
	}
}

// What cannot be computed is missing, with the reason, and the rest is there.
func TestGatherWithLittle(t *testing.T) {
	f, err := Gather(t.Context(), labelledStore(t, 3, 30), Options{}, nil)
	if err != nil || f.Evaluation != nil || f.Missing["evaluation"] == "" || f.Suspects == nil {
		t.Errorf("without a head: %+v, %v", f, err)
	}
	f, err = Gather(t.Context(), labelledStore(t, 1, 30), Options{}, nil)
	if err != nil || f.Suspects != nil || f.Missing["suspects"] == "" || f.Missing["learning_curve"] == "" || f.Map == nil || f.Near == nil {
		t.Errorf("one label: %+v, %v", f, err)
	}
	f, err = Gather(t.Context(), labelledStore(t, 1, 0), Options{}, nil)
	if err != nil || f.Map == nil || len(f.Map.Points) != 0 || len(f.Odd) != 0 {
		t.Errorf("no photo: %+v, %v", f, err)
	}
}

// Cancelled at any of its events, it ends with the context's error.
func TestGatherIsCancelled(t *testing.T) {
	db := labelledStore(t, 2, 60)
	opt := Options{Head: logistic(t, db), Split: split.Testing, Method: train.ProjectTSNE}
	for at := 0; ; at += 1 + at/4 {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		_, err := Gather(ctx, db, opt, func(train.Event) {
			if seen++; seen > at {
				cancel()
			}
		})
		cancel()
		if seen <= at {
			if err != nil || at == 0 {
				t.Errorf("%d events, %v", seen, err)
			}
			return
		}
		if seen > at+1 && err == nil { // the last event of the last part comes when all is done
			t.Errorf("cancelled at event %d of %d: no error", at, seen)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at event %d: %v", at, err)
		}
	}
}
