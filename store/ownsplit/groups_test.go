package ownsplit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
	"featstore/store/storetest"
)

// splitsOf returns the split of each photo that fill made.
func splitsOf(t interface {
	Helper()
	Fatal(...any)
}, db *store.DB, n int) []split.Split {
	t.Helper()
	splits := make([]split.Split, n)
	must(t, db.View(func(tx *store.Tx) error {
		for i := range splits {
			s, err := tx.Split(digest(fmt.Sprint(i)))
			must(t, err)
			splits[i] = s
		}
		return nil
	}))
	return splits
}

// No group straddles splits; what is in none stays; doing it again, or with more photos,
// moves nothing that was in its place.
func TestSetGroupsProperty(t *testing.T) {
	const n = 24
	rapid.Check(t, func(rt *rapid.T) {
		db := storetest.Open(t)
		fill(rt, db, n)
		var byHand []ownsplit.Want
		for i := range n {
			if rapid.IntRange(0, 9).Draw(rt, "by hand") == 0 {
				byHand = append(byHand, ownsplit.Want{Digest: digest(fmt.Sprint(i)), Split: rapid.SampledFrom(split.All[:]).Draw(rt, "split")})
			}
		}
		_, err := ownsplit.Set(context.Background(), db, byHand, 0, nil)
		must(rt, err)
		of := make([]int, n)
		byName := map[int]*ownsplit.Group{}
		for i := range n {
			of[i] = rapid.IntRange(0, 20).Draw(rt, "group")
			if byName[of[i]] == nil {
				byName[of[i]] = &ownsplit.Group{}
			}
			byName[of[i]].Digests = append(byName[of[i]].Digests, digest(fmt.Sprint(i)))
		}
		var groups []ownsplit.Group
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			g := byName[name]
			if g.Wanted = rapid.IntRange(0, 9).Draw(rt, "wanted") == 0; g.Wanted {
				g.Split = rapid.SampledFrom(split.All[:]).Draw(rt, "split")
			}
			groups = append(groups, *g)
		}
		before := splitsOf(rt, db, n)
		done, err := ownsplit.SetGroups(context.Background(), db, slices.Clone(groups), nil)
		must(rt, err)
		after := splitsOf(rt, db, n)
		moved := 0
		for i := range n {
			for j := range i {
				if of[i] == of[j] && after[i] != after[j] {
					rt.Fatalf("group %d is in %v and %v", of[i], after[i], after[j])
				}
			}
			g := byName[of[i]]
			if len(g.Digests) == 1 && !g.Wanted && after[i] != before[i] {
				rt.Fatal("a photo without a group has moved")
			}
			if after[i] != before[i] {
				moved++
			}
		}
		if done.Moved != moved || done.Divided != 0 || done.Fixed < moved {
			rt.Fatalf("%+v, %d moved", done, moved)
		}
		again, err := ownsplit.SetGroups(context.Background(), db, groups, nil)
		must(rt, err)
		if again.Fixed != 0 || again.Moved != 0 || again.Straddle != 0 {
			rt.Fatalf("the second time: %+v", again)
		}
	})
}

// An interrupt ends between two groups, and doing it again comes to what would have been.
func TestSetGroupsInterrupted(t *testing.T) {
	const n, size = 24000, 8
	var groups []ownsplit.Group
	for i := range n {
		if i%size == 0 {
			groups = append(groups, ownsplit.Group{})
		}
		g := &groups[len(groups)-1]
		g.Digests = append(g.Digests, digest(fmt.Sprint(i)))
	}
	whole, torn := storetest.Open(t), storetest.Open(t)
	_, err := ownsplit.SetGroups(context.Background(), whole, slices.Clone(groups), nil)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	c, err := ownsplit.SetGroups(ctx, torn, slices.Clone(groups), func(_, total int) {
		if total != n {
			t.Error(total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || c.Fixed == 0 || c.Fixed == n || c.Fixed%size != 0 {
		t.Fatal(c, err)
	}
	_, err = ownsplit.SetGroups(context.Background(), torn, groups, nil)
	must(t, err)
	if a, b := splitsOf(t, whole, n), splitsOf(t, torn, n); !slices.Equal(a, b) {
		t.Error("another division after an interrupt")
	}
}

func TestGroupWants(t *testing.T) {
	want := func(content, group string, s ...split.Split) ownsplit.Want {
		w := ownsplit.Want{Path: content, Digest: digest(content), Group: group, Free: len(s) == 0}
		if len(s) > 0 {
			w.Split = s[0]
		}
		return w
	}
	groups, err := ownsplit.GroupWants([]ownsplit.Want{
		want("1", "p"), want("2", "q"), want("3", "p", split.Testing), want("4", ""), want("2", "p"), want("5", "q"), want("6", "", split.Validation), want("7", ""),
	})
	must(t, err)
	var got []string
	for _, g := range groups {
		text := fmt.Sprint(len(g.Digests))
		if g.Wanted {
			text += " " + g.Split.String()
		}
		got = append(got, text)
	}
	if text := strings.Join(got, ", "); text != "4 testing, 1, 1 validation, 1" {
		t.Error(text)
	}
	_, err = ownsplit.GroupWants([]ownsplit.Want{want("1", "p", split.Testing), want("2", "p", split.Training)})
	if !errors.Is(err, ownsplit.ErrTwoSplits) || !strings.Contains(err.Error(), `group "p" is wanted in two splits: 1 (testing) and 2 (training)`) {
		t.Error(err)
	}
}
