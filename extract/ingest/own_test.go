package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
)

func labelled(path string) string {
	label, _ := labelIn(path, store.ByLabel)
	return label
}

// wanted returns "label split" of each image, by path; the split only if it was set
// by hand.
func (w *world) placed() map[string]string {
	w.t.Helper()
	got := map[string]string{}
	must(w.t, w.db.View(func(tx *store.Tx) error {
		fixed, err := tx.FixedSplits()
		must(w.t, err)
		roots, err := tx.Roots()
		must(w.t, err)
		for _, r := range roots {
			for image, err := range tx.Images(r.ID) {
				must(w.t, err)
				s, ok := fixed[image.Digest]
				got[image.Path] = image.Label
				if ok {
					got[image.Path] += " " + s.String()
				}
			}
		}
		return nil
	}))
	return got
}

func layout(l store.Layout) *store.Layout { return &l }

// One folder through all that can be asked of it.
func TestSplitFolders(t *testing.T) {
	w := newWorld(t)
	networks, calls := fakes("m")
	w.write("train/rose/1.jpg", "one")
	w.write("train/rose/deep/copy of 1.jpg", "one")
	w.write("Valid/rose/2.jpg", "two")
	w.write("test/daisy/3.jpg", "three")
	w.write("daisy/test/4.jpg", "four")
	w.write("train/lost.jpg", "lost")
	w.write("train/README.txt", "text")
	w.write("rose/5.jpg", "five")
	w.write("train/empty/x.txt", "bad")

	r := w.ingest(networks, Options{Layout: layout(store.BySplit)})
	want := map[string]string{
		"train/rose/1.jpg": "rose training", "train/rose/deep/copy of 1.jpg": "rose training", "Valid/rose/2.jpg": "rose validation",
		"test/daisy/3.jpg": "daisy testing", "daisy/test/4.jpg": "daisy testing", "rose/5.jpg": "rose",
	}
	if d := cmp.Diff(want, w.placed()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	own := *r.Own
	if own.By != ownsplit.ByFolders || own.Training != 2 || own.Validation != 1 || own.Testing != 2 || own.Fixed != 4 || own.Unlisted != 1 {
		t.Errorf("report %+v", own)
	}
	if !slices.Equal(r.Unlabelled, []string{"train/lost.jpg"}) || !slices.Equal(r.EmptyLabels, []string{"empty"}) {
		t.Errorf("unlabelled %q, empty %q", r.Unlabelled, r.EmptyLabels)
	}

	// It is remembered: running it again changes nothing, and a photo moved to
	// another split's folder follows.
	before := calls.Load()
	w.rename("train/rose/1.jpg", "test/rose/1.jpg")
	w.remove("train/rose/deep/copy of 1.jpg")
	r = w.ingest(networks, Options{Prune: true})
	delete(want, "train/rose/1.jpg")
	delete(want, "train/rose/deep/copy of 1.jpg")
	want["test/rose/1.jpg"] = "rose testing"
	if d := cmp.Diff(want, w.placed()); d != "" || calls.Load() != before {
		t.Errorf("computed %d, -want +got\n%s", calls.Load()-before, d)
	}
	if r.Own == nil || r.Own.Fixed != 1 || r.Own.Moved != 1 {
		t.Errorf("report %+v", r.Own)
	}

	// Cleared: labels stay, also in the next run; splits are the policy's.
	_, released, err := ownsplit.Clear(context.Background(), w.db, nil)
	must(t, err)
	if !slices.Equal(released, []string{r.Root}) {
		t.Errorf("released %q", released)
	}
	r = w.ingest(networks, Options{})
	for path, s := range want {
		want[path], _, _ = strings.Cut(s, " ")
	}
	if d := cmp.Diff(want, w.placed()); d != "" || r.Own != nil {
		t.Errorf("%+v, -want +got\n%s", r.Own, d)
	}

	// Off: folders are labels.
	r = w.ingest(networks, Options{Layout: layout(store.ByLabel)})
	if got := w.placed()["test/rose/1.jpg"]; got != "test" || r.LikeSplits || calls.Load() != before+1 { // train/lost.jpg is a photo now
		t.Errorf("label %q, like splits %v, computed %d", got, r.LikeSplits, calls.Load()-before)
	}
}

// A folder that looks like splits says so, if that was not asked to mean anything.
func TestLikeSplits(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  bool
	}{
		{[]string{"train/rose/1.jpg", "val/rose/2.jpg"}, true},
		{[]string{"rose/train/1.jpg", "rose/test/2.jpg"}, true},
		{[]string{"train/rose/1.jpg", "train/rose/2.jpg"}, false},
		{[]string{"train/rose/1.jpg", "val/rose/2.jpg", "rose/3.jpg"}, false},
		{[]string{"rose/1.jpg", "test/2.jpg"}, false},
	} {
		if got := list(t, tree(t, c.files...)).likeSplits(false); got != c.want {
			t.Errorf("%q: %v", c.files, got)
		}
	}
}

// Identical bytes in two splits: an error that names them, and nothing is changed.
func TestLeakChangesNothing(t *testing.T) {
	w := newWorld(t)
	networks, calls := fakes("m")
	w.write("train/rose/1.jpg", "same")
	w.write("test/rose/2.jpg", "same")
	w.write("test/rose/3.jpg", "other")
	unchanged := func(what string, err error) {
		t.Helper()
		var leak *ownsplit.LeakError
		if !errors.As(err, &leak) || len(leak.Leaks) != 1 || !strings.Contains(err.Error(), "1.jpg (training") ||
			!strings.Contains(err.Error(), "2.jpg (testing") {
			t.Errorf("%s: %v", what, err)
		}
		s, err := w.db.Stats()
		must(t, err)
		if s.Images != 0 || s.Fixed != 0 || len(s.Roots) != 0 || calls.Load() != 0 {
			t.Errorf("%s: changed: %+v", what, s)
		}
	}
	_, err := ingest(context.Background(), w.db, networks, w.dir, Options{Layout: layout(store.BySplit)})
	unchanged("folders", err)
	entries := []split.Entry{{Path: "train/rose/1.jpg", Split: split.Training, Line: 1}, {Path: "test/rose/2.jpg", Split: split.Testing, Line: 2}}
	_, err = ingest(context.Background(), w.db, networks, w.dir, Options{SplitList: entries})
	unchanged("list", err)

	// In two photo folders as well.
	w.remove("train/rose/1.jpg")
	w.ingest(networks, Options{Layout: layout(store.BySplit)})
	other := tree(t)
	w2 := &world{t: t, dir: other, db: w.db, time: w.time}
	w2.write("train/rose/1.jpg", "same")
	_, err = ingest(context.Background(), w.db, networks, other, Options{Layout: layout(store.BySplit)})
	var leak *ownsplit.LeakError
	if !errors.As(err, &leak) {
		t.Error(err)
	}
	if _, err = ingest(context.Background(), w.db, networks, w.dir, Options{SplitList: entries}); !errors.Is(err, ErrTwoSources) {
		t.Error(err)
	}
}

// Splits are set before the first photo is in the store, so that an interrupt leaves
// none in a split of the policy's.
func TestSplitsComeFirst(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.write(fmt.Sprintf("test/rose/%d.jpg", i), fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := fake{id: "m", calls: new(atomic.Int64)}
	n := f.network()
	inner := n.open
	n.open = func() (extractor, error) { cancel(); return inner() }
	_, err := ingest(ctx, w.db, []network{n}, w.dir, Options{Layout: layout(store.BySplit), Workers: 1})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, w.db.View(func(tx *store.Tx) error {
		fixed, err := tx.FixedSplits()
		if len(fixed) != 20 {
			t.Errorf("%d splits are set", len(fixed))
		}
		return err
	}))
}

// A list says which photos of the folder go where; what it does not name follows the
// policy.
func TestSplitList(t *testing.T) {
	w := newWorld(t)
	networks, _ := fakes("m")
	w.write("rose/1.jpg", "one")
	w.write("rose/2.jpg", "two")
	w.write("daisy/3.jpg", "three")
	r := w.ingest(networks, Options{SplitList: []split.Entry{
		{Path: "rose/1.jpg", Split: split.Testing, Line: 1}, {Path: w.path("daisy/3.jpg"), Split: split.Validation, Line: 2}, {Path: "rose/9.jpg", Line: 3},
	}})
	want := map[string]string{"rose/1.jpg": "rose testing", "rose/2.jpg": "rose", "daisy/3.jpg": "daisy validation"}
	if d := cmp.Diff(want, w.placed()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if o := r.Own; o.By != ownsplit.ByList || o.Unknown != 1 || o.UnknownPaths[0] != "rose/9.jpg" || o.Unlisted != 1 || o.Fixed != 2 {
		t.Errorf("report %+v", o)
	}
}

// Whatever lies where, each photo gets the label and split of its folders, or the
// run fails for a leak and leaves the store empty.
func TestSplitFoldersProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.t = rt
		networks, _ := fakes("m")
		want := map[string]string{}
		splits := map[string]map[split.Split]bool{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "n") {
			s := rapid.SampledFrom([]string{"train", "VAL", "testing"}).Draw(rt, "split")
			label := rapid.SampledFrom([]string{"rose", "daisy"}).Draw(rt, "label")
			first, second := s, label
			if rapid.Bool().Draw(rt, "label first") {
				first, second = label, s
			}
			path := fmt.Sprintf("%s/%s/%d.jpg", first, second, i)
			content := fmt.Sprint(label, rapid.IntRange(0, 30).Draw(rt, "content"))
			w.write(path, content)
			is, _ := split.Spelling(s)
			want[path] = label + " " + is.String()
			if splits[content] == nil {
				splits[content] = map[split.Split]bool{}
			}
			splits[content][is] = true
		}
		leaks := 0
		for _, s := range splits {
			if len(s) > 1 {
				leaks++
			}
		}
		_, err := ingest(context.Background(), w.db, networks, w.dir, Options{Layout: layout(store.BySplit)})
		var leak *ownsplit.LeakError
		switch {
		case leaks > 0:
			if !errors.As(err, &leak) || len(leak.Leaks) != leaks || len(w.placed()) != 0 {
				rt.Fatalf("%d leaks: %v, %v", leaks, err, w.placed())
			}
		case err != nil:
			rt.Fatal(err)
		default:
			if d := cmp.Diff(want, w.placed()); d != "" {
				rt.Fatalf("-want +got\n%s", d)
			}
		}
	})
}
