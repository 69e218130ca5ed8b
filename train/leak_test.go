package train_test

import (
	"context"
	"slices"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// The images counted are those that a comparison one by one finds, with one network and
// with several.
func TestFindLeak(t *testing.T) {
	db, vectors := nearStore(t, 700)
	policy := db.Policy()
	for _, models := range [][]string{{"m"}, {"n", "m"}} {
		labels := labelsOf(t, db, models)
		want := train.Leak{Least: train.DefaultNear}
		for a, va := range vectors {
			switch policy.Assign(a) {
			case split.Training:
				want.Training++
				continue
			case split.Validation:
				continue
			}
			want.Testing++
			near, strange := 0, 0
			for b, vb := range vectors {
				c := cosine(va[0], vb[0])
				if len(models) == 2 {
					c = (c + cosine(va[1], vb[1])) / 2
				}
				if policy.Assign(b) == split.Training && c >= train.DefaultNear {
					near = 1
					if labels[a] != labels[b] {
						strange = 1
					}
				}
			}
			want.Near, want.Strange = want.Near+near, want.Strange+strange
		}
		leak, err := train.FindLeak(context.Background(), db, models)
		if err != nil {
			t.Fatal(err)
		}
		if *leak != want || want.Near < 5 || want.Strange < 5 {
			t.Errorf("%v: %+v, want %+v", models, *leak, want)
		}
	}
}

func labelsOf(t *testing.T, db *store.DB, models []string) map[split.Digest]string {
	labels := map[split.Digest]string{}
	for _, s := range split.All {
		ix, err := db.Index(models, s)
		if err != nil {
			t.Fatal(err)
		}
		for l, keys := range ix.Keys {
			for _, d := range keys {
				labels[d] = ix.Labels[l]
			}
		}
	}
	return labels
}

func TestLeakIsTold(t *testing.T) {
	for _, c := range []struct {
		leak train.Leak
		many bool
	}{
		{train.Leak{Testing: 100, Near: 3}, true},
		{train.Leak{Testing: 10, Near: 2}, false},
		{train.Leak{Testing: 200, Near: 3}, false},
		{train.Leak{Testing: 100, Near: 40, Strange: 10}, true},
		{train.Leak{Testing: 100, Near: 90, Strange: 60}, false}, // a network whose cosines are all high
		{train.Leak{}, false},
	} {
		if c.leak.Many() != c.many {
			t.Errorf("%+v: many is %v", c.leak, !c.many)
		}
	}
}

// Training says it.
func TestTrainTellsLeak(t *testing.T) {
	db := storetest.Open(t)
	storetest.Clusters{Labels: 3, Images: 60, Dim: 16, Spread: 0.05}.Fill(t, db) // all of a label nearly the same
	var told *train.Leak
	_, _, err := train.Train(context.Background(), db, train.Config{Kind: train.KindCentroid}, func(e train.Event) {
		if l, ok := e.(*train.Leak); ok {
			told = l
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if told == nil || told.Near < 10 || told.Strange != 0 {
		t.Errorf("told %+v", told)
	}
}

// A photo is in the group of those that it is chained to, within its split and across.
func TestNearGroups(t *testing.T) {
	db, vectors := nearStore(t, 400)
	groups, err := train.NearGroups(context.Background(), db, train.NearOptions{Models: []string{"m"}, Least: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	of := map[split.Digest]int{}
	for i, g := range groups {
		if len(g) < 2 || !slices.IsSortedFunc(g, split.Digest.Compare) || i > 0 && groups[i-1][0].Compare(g[0]) >= 0 {
			t.Fatalf("group %d: %v", i, g)
		}
		for _, d := range g {
			if of[d] != 0 {
				t.Fatal("a photo is in two groups")
			}
			of[d] = i + 1
		}
	}
	pairs, inside := 0, 0
	kin := map[split.Digest]int{}
	for a, va := range vectors {
		for b, vb := range vectors {
			if a == b || cosine(va[0], vb[0]) < 0.9 {
				continue
			}
			pairs++
			kin[a]++
			if of[a] == 0 || of[a] != of[b] {
				t.Errorf("%v and %v are nearly the same, but in groups %d and %d", a.Short(), b.Short(), of[a], of[b])
			}
			if db.Policy().Assign(a) == db.Policy().Assign(b) {
				inside++
			}
		}
	}
	if pairs < 50 || inside < 10 || len(kin) != len(of) {
		t.Errorf("%d pairs, %d within splits, %d photos with one, %d in groups", pairs, inside, len(kin), len(of))
	}
}
