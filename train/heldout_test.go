package train

import (
	"context"
	"testing"

	"featstore/split"
	"featstore/store/storetest"
)

// Every training and validation image is judged once, by a head that has not seen it;
// the testing split has no part.
func TestHeldOut(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 40, Dim: 10, Spread: 1}
	for _, kind := range []string{KindSoftmax, KindLogistic, KindCentroid} {
		db := filled(t, c)
		fixSplits(t, db, c, func(l, i int) split.Split {
			switch {
			case i < 5:
				return split.Validation
			case i < 8:
				return split.Testing
			}
			return split.Training
		})
		h := mustFit(t, db, config(kind))
		got, err := JudgeHeldOut(context.Background(), db, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := got.CrossValidated
		if a.Total != 111 || got.Folds != 5 || a.Share < 0.6 || !(a.Low < a.Share && a.Share < a.High) {
			t.Errorf("%s: %+v", kind, got)
		}
		if got.Validation == nil || got.Validation.Total != 15 {
			t.Errorf("%s: validation %+v, which was set by hand", kind, got.Validation)
		}
	}
}

// Labels that mean nothing get an accuracy of chance, not one of memory.
func TestHeldOutIsHonest(t *testing.T) {
	c := storetest.Clusters{Labels: 2, Images: 60, Dim: 200, Spread: 1, Seed: 4}
	db := filled(t, c)
	n := 0
	relabel(t, db, c, func(split.Split, int) int { n++; return n * n * 7 / 3 % 2 })
	got, err := JudgeHeldOut(context.Background(), db, mustFit(t, db, config(KindLogistic)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.CrossValidated.Share > 0.7 || got.Validation != nil {
		t.Errorf("%+v", got)
	}
}

// A handful of images has an accuracy too, with a wide interval.
func TestHeldOutOfFewImages(t *testing.T) {
	c := storetest.Clusters{Labels: 2, Images: 2, Dim: 5, Spread: 0.3}
	db := filled(t, c)
	fixSplits(t, db, c, func(int, int) split.Split { return split.Training })
	got, err := JudgeHeldOut(context.Background(), db, mustFit(t, db, config(KindSoftmax)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := got.CrossValidated; a.Total != 4 || a.High-a.Low < 0.3 {
		t.Errorf("%+v", got)
	}
}
