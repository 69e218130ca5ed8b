package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/ingest"
	"featstore/split"
	"featstore/store/storetest"
	"featstore/train"
)

// Each label has a folder of its own, directly in the one given, with a name that is seen.
func TestFolderNames(t *testing.T) {
	for label, want := range map[string]string{
		"rose": "rose", "a/b": "a%2Fb", "..": "%2E%2E", ".x": "%2Ex", "50 %": "50 %25", "c:": "c%3A", "tail.": "tail%2E", "Röte": "Röte", "\x1b": "%1B",
	} {
		if got := folderName(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-b./%\\ _-]{1,9}`), rapid.StringOfN(rapid.RuneFrom([]rune("aä薔")), 190, 260, -1))
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, y := folderName(a), folderName(b)
		if a != b && x == y {
			t.Fatalf("%q and %q are both in %q", a, b, x)
		}
		if x == "" || x[0] == '.' || len(x) > 255 || filepath.Base(x) != x || strings.ContainsAny(x, `/\`) {
			t.Fatalf("%q is in %q", a, x)
		}
	})
}

// Whatever lies in the folders, and however often it is sorted: no bytes are lost or written
// over, each photo is where it belongs, and a second run changes nothing.
func TestSortingLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := storetest.TempDir()
		defer remove()
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
		check(t, os.MkdirAll(in, 0o777), os.MkdirAll(filepath.Join(out, "rose"), 0o777))
		before := map[string]int{}
		texts := rapid.SampledFrom([]string{"one", "two", "six"})
		place := func(path string) {
			text := texts.Draw(t, path)
			check(t, os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666))
			before[text]++
		}
		photos := []string{filepath.Join(in, "a/1.jpg"), filepath.Join(in, "b/1.jpg"), filepath.Join(in, "1-one.jpg")}
		for _, p := range photos {
			place(p)
		}
		if rapid.Bool().Draw(t, "taken") {
			place(filepath.Join(out, "rose", "1.jpg"))
		}
		if rapid.Bool().Draw(t, "linked") {
			check(t, os.Symlink(photos[0], filepath.Join(out, "rose", "1-one.jpg")))
		}
		by := rapid.SampledFrom([]string{sortByLink, sortByCopy, sortByMove}).Draw(t, "by")
		flags := sortFlags{dir: out, by: by, yes: true}
		s, err := flags.sorter(&train.Head{Labels: []string{"rose"}}, predicting{})
		check(t, err)
		for round := range 2 {
			for _, path := range photos {
				data, err := os.ReadFile(path)
				if by == sortByMove && round == 1 && errors.Is(err, os.ErrNotExist) {
					continue
				}
				check(t, err)
				r := predicted{photo: ingest.PhotoFile{Path: path}, by: []prediction{{Label: "rose", digest: split.SumBytes(data)}}}
				check(t, s.place(t.Context(), &r))
				if r.err != "" {
					t.Fatalf("%s: %s", path, r.err)
				}
				there, err := os.ReadFile(r.by[0].SortedTo)
				check(t, err)
				if string(there) != string(data) {
					t.Fatalf("%s: %q is %q at %s", path, data, there, r.by[0].SortedTo)
				}
				if round == 1 && r.by[0].Sorted != sortBefore {
					t.Fatalf("%s: the second time it was %s", path, r.by[0].Sorted)
				}
			}
		}
		after := map[string]int{}
		check(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			if strings.HasSuffix(path, ".part") {
				t.Fatalf("%s is left", path)
			}
			data, err := os.ReadFile(path)
			after[string(data)]++
			return err
		}))
		for text := range before {
			if after[text] == 0 {
				t.Fatalf("%q is lost", text)
			}
		}
	})
}

func check(t *rapid.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
