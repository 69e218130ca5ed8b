package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store/storetest"
)

// Wrong labels come first, whichever split their images are in, whatever the seed; and
// the ranking holds every image once.
func TestSuspectsFindWrongLabels(t *testing.T) {
	c := storetest.Clusters{Labels: 4, Images: 60, Dim: 24, Spread: 0.8}
	db := filled(t, c)
	wrong := map[split.Digest]string{}
	n := 0
	relabel(t, db, c, func(_ split.Split, l int) int {
		if n++; n%20 == 7 {
			return (l + 1) % c.Labels
		}
		return l
	})
	for l := range c.Labels {
		for i := range c.Images {
			wrong[c.Digest(l, i)] = c.Label(l)
		}
	}
	for seed := range uint64(3) {
		all, err := Suspects(context.Background(), db, SuspectOptions{Seed: seed}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 240 {
			t.Fatalf("%d images ranked", len(all))
		}
		found := 0
		for _, s := range all[:15] {
			if s.Label != wrong[s.Digest] && s.Likely == wrong[s.Digest] && s.Score > 0.5 && len(s.Paths) == 1 {
				found++
			}
		}
		if found < 11 {
			t.Errorf("seed %d: %d of 12 wrong labels among the first 15", seed, found)
		}
		if !slices.IsSortedFunc(all, func(a, b Suspect) int {
			if a.Score < b.Score {
				return 1
			}
			return -1
		}) {
			t.Errorf("seed %d: not in order", seed)
		}
	}
}

func TestSuspectsNeedLabels(t *testing.T) {
	for what, c := range map[string]storetest.Clusters{"none": {Dim: 3}, "one": {Labels: 1, Images: 5, Dim: 3, Spread: 1}} {
		_, err := Suspects(context.Background(), filled(t, c), SuspectOptions{}, nil)
		if !errors.Is(err, ErrNoImages) && !errors.Is(err, ErrOneLabel) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
