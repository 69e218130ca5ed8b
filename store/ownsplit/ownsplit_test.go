package ownsplit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/ownsplit"
	"featstore/store/storetest"
)

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func digest(content string) split.Digest { return split.SumBytes([]byte(content)) }

func TestMatch(t *testing.T) {
	real := storetest.Dir(t)
	real, err := filepath.EvalSymlinks(real)
	must(t, err)
	flowers, other := filepath.Join(real, "flowers"), filepath.Join(real, "other")
	must(t, os.MkdirAll(filepath.Join(flowers, "rose"), 0o777))
	link := filepath.Join(storetest.Dir(t), "link")
	must(t, os.Symlink(real, link))
	decomposed := norm.NFD.String("Gänseblümchen/1.jpg")
	files := []ownsplit.File{
		{Folder: flowers, Path: "rose/1.jpg", Digest: digest("1")},
		{Folder: flowers, Path: "rose/copy.jpg", Digest: digest("1")},
		{Folder: flowers, Path: "both.jpg", Digest: digest("2")},
		{Folder: flowers, Path: "same.jpg", Digest: digest("3")},
		{Folder: flowers, Path: decomposed, Digest: digest("4")},
		{Folder: flowers, Path: `back\slash.jpg`, Digest: digest("5")},
		{Folder: flowers, Path: norm.NFC.String("é.jpg"), Digest: digest("6")},
		{Folder: flowers, Path: norm.NFD.String("é.jpg"), Digest: digest("7")},
		{Folder: other, Path: "both.jpg", Digest: digest("8")},
		{Folder: other, Path: "same.jpg", Digest: digest("3")},
		{Folder: other, Path: "flowers/x.jpg", Digest: digest("9")},
	}
	for name, want := range map[string]string{
		"rose/1.jpg":                         "1",
		"./rose//1.jpg":                      "1",
		"rose/../rose/1.jpg":                 "1",
		"flowers/rose/1.jpg":                 "1",
		`rose\1.jpg`:                         "1",
		"same.jpg":                           "3",
		"Gänseblümchen/1.jpg":                "4",
		decomposed:                           "4",
		`back\slash.jpg`:                     "5",
		norm.NFC.String("é.jpg"):             "6",
		norm.NFD.String("é.jpg"):             "7",
		"flowers/x.jpg":                      "9",
		"other/both.jpg":                     "8",
		"flowers/both.jpg":                   "2",
		"both.jpg":                           "ambiguous",
		"../flowers/both.jpg":                "",
		"rose":                               "",
		"ROSE/1.jpg":                         "",
		"flowers":                            "",
		"/rose/1.jpg":                        "",
		filepath.Join(flowers, "rose/1.jpg"): "1",
		filepath.Join(other, "both.jpg"):     "8",
		filepath.Join(link, "flowers/rose/1.jpg"):  "1",
		filepath.Join(link, "flowers/rose/2.jpg"):  "",
		flowers + "X/rose/1.jpg":                   "",
		filepath.Join(real, "x/../other/both.jpg"): "8",
	} {
		found, err := ownsplit.Match([]split.Entry{{Path: name, Split: split.Testing, Line: 7}}, files)
		switch {
		case want == "ambiguous":
			if !errors.Is(err, ownsplit.ErrAmbiguous) || !strings.Contains(err.Error(), "line 7") {
				t.Errorf("%q: %v", name, err)
			}
		case err != nil:
			t.Errorf("%q: %v", name, err)
		case want == "":
			if len(found.Wants) != 0 || len(found.Unknown) != 1 || len(found.Unlisted) != len(files) {
				t.Errorf("%q: %+v", name, found)
			}
		case len(found.Wants) != 1 || found.Wants[0].Digest != digest(want) || found.Wants[0].Split != split.Testing:
			t.Errorf("%q: %+v", name, found)
		case want == "1" && slices.ContainsFunc(found.Unlisted, func(p string) bool { return strings.Contains(p, "copy") }):
			t.Errorf("%q: the copy of a listed photo is unlisted", name)
		}
	}
}

// fill puts photos with vectors into a store: one a digest, named after it.
func fill(t interface {
	Helper()
	Fatal(...any)
}, db *store.DB, n int) {
	t.Helper()
	must(t, db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		return errors.Join(err, tx.PutModel(store.Model{ID: "m", Dim: 1}))
	}))
	w := db.NewWriter(store.WriterOptions{})
	for i := range n {
		must(t, w.Put(store.Entry{Root: 1, Path: fmt.Sprint(i), Image: store.Image{Digest: digest(fmt.Sprint(i)), Label: "a"},
			Vectors: map[string][]float32{"m": {float32(i)}}}))
	}
	must(t, w.Close())
}

// Set does what is wanted, once, or nothing; Clear undoes it.
func TestSetProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := storetest.Open(t)
		fill(rt, db, 12)
		model := map[split.Digest]split.Split{}
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			var wants []ownsplit.Want
			said := map[split.Digest]split.Split{}
			leaks, fixed := map[split.Digest]bool{}, 0
			for range rapid.IntRange(0, 10).Draw(rt, "wants") {
				d := digest(fmt.Sprint(rapid.IntRange(0, 14).Draw(rt, "photo"))) // some not in the store yet
				s := rapid.SampledFrom(split.All[:]).Draw(rt, "split")
				if before, ok := said[d]; ok && before != s {
					leaks[d] = true
				}
				said[d] = s
				wants = append(wants, ownsplit.Want{Path: d.Short(), Digest: d, Split: s})
			}
			for d, s := range said {
				if before, ok := model[d]; !ok || before != s {
					fixed++
				}
			}
			c, err := ownsplit.Set(context.Background(), db, wants, 0, nil)
			var leak *ownsplit.LeakError
			if len(leaks) > 0 {
				if !errors.As(err, &leak) || len(leak.Leaks) != len(leaks) {
					rt.Fatalf("%d leaks: %v", len(leaks), err)
				}
			} else {
				must(rt, err)
				if c.Fixed != fixed || c.Moved > c.Fixed {
					rt.Fatalf("%+v, want %d fixed", c, fixed)
				}
				for d, s := range said {
					model[d] = s
				}
			}
			compare(rt, db, model)
		}
		c, _, err := ownsplit.Clear(context.Background(), db, nil)
		must(rt, err)
		if c.Fixed != len(model) {
			rt.Fatalf("cleared %d of %d", c.Fixed, len(model))
		}
		compare(rt, db, nil)
	})
}

func compare(t *rapid.T, db *store.DB, model map[split.Digest]split.Split) {
	must(t, db.View(func(tx *store.Tx) error {
		got, err := tx.FixedSplits()
		must(t, err)
		if len(got) != len(model) {
			t.Fatalf("%d splits are set, want %d", len(got), len(model))
		}
		for _, s := range split.All {
			ix, err := tx.Index([]string{"m"}, s)
			must(t, err)
			for _, keys := range ix.Keys {
				for _, d := range keys {
					want, ok := model[d]
					if !ok {
						want = db.Policy().Assign(d)
					}
					if s != want {
						t.Fatalf("%v is in %v, want %v", d.Short(), s, want)
					}
				}
			}
		}
		return nil
	}))
}

// An interrupt ends between two transactions; doing it again completes it.
func TestInterrupted(t *testing.T) {
	db := storetest.Open(t)
	var wants []ownsplit.Want
	const n = 25000
	for i := range n {
		wants = append(wants, ownsplit.Want{Digest: digest(fmt.Sprint(i)), Split: split.Testing})
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := ownsplit.Set(ctx, db, wants, 0, func(done, total int) {
		if total != n {
			t.Errorf("progress %d of %d", done, total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || c.Fixed == 0 || c.Fixed == n {
		t.Fatal(c, err)
	}
	rest, err := ownsplit.Set(context.Background(), db, wants, 0, nil)
	must(t, err)
	if c.Fixed+rest.Fixed != n {
		t.Errorf("%d and then %d of %d", c.Fixed, rest.Fixed, n)
	}
}

// The text of a leak names the photos, but not thousands.
func TestLeakText(t *testing.T) {
	db := storetest.Open(t)
	var wants []ownsplit.Want
	for i := range 30 {
		for _, s := range []split.Split{split.Training, split.Testing} {
			wants = append(wants, ownsplit.Want{Path: fmt.Sprintf("%02d %v", i, s), Digest: digest(fmt.Sprint(i)), Split: s, Line: i})
		}
	}
	_, err := ownsplit.Set(context.Background(), db, wants, 0, nil)
	text := fmt.Sprint(err)
	if !strings.HasPrefix(text, "the same bytes in two splits (30 times): 00 testing (testing) = 00 training (training); 01 testing (testing, line 1) = ") ||
		!strings.HasSuffix(text, "; and 20 more") {
		t.Error(text)
	}
}

func Example() {
	entries, err := split.ReadList(strings.NewReader("path,split\nroses/1.jpg,train\nroses/2.jpg,test\n"))
	if err != nil {
		panic(err)
	}
	files := []ownsplit.File{
		{Folder: "/photos", Path: "roses/1.jpg", Digest: digest("a rose")},
		{Folder: "/photos", Path: "roses/2.jpg", Digest: digest("a rose")},
	}
	found, err := ownsplit.Match(entries, files)
	if err != nil {
		panic(err)
	}
	dir, remove := storetest.TempDir()
	defer remove()
	db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	_, err = ownsplit.Set(context.Background(), db, found.Wants, 0, nil)
	fmt.Println(err)
	// Output:
	// the same bytes in two splits (1 times): /photos/roses/1.jpg (training, line 2) = /photos/roses/2.jpg (testing, line 3)
}
