package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// Wherever the disk fails, the error is reported, an earlier export is as it was,
// and nothing else is left behind.
func TestFaults(t *testing.T) {
	db := storetest.Open(t)
	fill(t, db)
	for _, format := range Formats {
		for _, again := range []bool{false, true} {
			dir := storetest.Dir(t)
			path := filepath.Join(dir, "out")
			before := ""
			if again {
				_, err := Write(context.Background(), db, path, Options{Format: format, Models: []string{"aaaa"}})
				must(t, err)
				before = contents(t, path)
			}
			steps := failAtEach(t, func(fault func(string) error) error {
				_, err := Write(context.Background(), db, path, Options{Format: format, Models: []string{"bbbb"}, Force: again, fault: fault})
				return err
			}, func(step string) {
				names := list(t, dir)
				if !again && names != "" || again && (names != "out" || contents(t, path) != before) {
					t.Errorf("%s, again %v: a fault at %s left %q", format, again, step, names)
				}
			})
			if steps < 5 || list(t, dir) != "out" || contents(t, path) == before {
				t.Errorf("%s, again %v: %d steps, and then %q", format, again, steps, list(t, dir))
			}
		}
	}
}

// failAtEach runs do with a fault at its first step, its second …, until it gets
// through, and looks after each that the fault was reported and what it left.
func failAtEach(t *testing.T, do func(func(string) error) error, look func(step string)) (steps int) {
	t.Helper()
	for ; ; steps++ {
		injected, n, at := errors.New("injected"), 0, ""
		err := do(func(step string) error {
			if n++; n == steps+1 {
				at = step
				return injected
			}
			return nil
		})
		if at == "" {
			must(t, err)
			return steps
		}
		if !errors.Is(err, injected) {
			t.Fatalf("a fault at step %d, %s, was not reported: %v", steps, at, err)
		}
		look(fmt.Sprintf("step %d, %s", steps, at))
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// What is there already is not lost.
func TestTargetsRefused(t *testing.T) {
	db := storetest.Open(t)
	fill(t, db)
	write := func(path string, f Format, force bool) error {
		_, err := Write(context.Background(), db, path, Options{Format: f, Models: []string{"aaaa"}, Force: force})
		return err
	}
	dir := storetest.Dir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(at("photos"), 0o777))
	must(t, os.WriteFile(at("photos/1.jpg"), []byte("photo"), 0o666))
	must(t, os.Mkdir(at("empty"), 0o777))
	must(t, os.WriteFile(at("file"), nil, 0o666))
	must(t, os.WriteFile(at("photo.jpg"), []byte("photo"), 0o666))
	must(t, write(at("rows.csv"), CSV, false))
	must(t, write(at("rows.parquet"), Parquet, false))
	must(t, write(at("arrays"), NPY, false))
	must(t, write(at("more"), NPY, false))
	must(t, os.WriteFile(at("more/notes.txt"), []byte("mine"), 0o666))
	for _, c := range []struct {
		path   string
		format Format
		force  bool
		want   error
		text   string
	}{
		{"arrays", NPY, false, ErrExists, "exists already"},
		{"photos", NPY, true, ErrForeign, "not an export"},
		{"more", NPY, true, ErrForeign, "notes.txt"},
		{"photos", CSV, true, nil, "it is a folder"},
		{"file", NPY, true, nil, "it is a file"},
		{"file", CSV, false, ErrExists, "exists already"},
		{"photo.jpg", CSV, true, ErrForeign, "not an export"},
		{"rows.csv", CSV, false, ErrExists, "exists already"},
		{"nowhere/file", CSV, false, os.ErrNotExist, "nowhere"},
		{"file/file", CSV, false, nil, "not a"},
		{"x", "xlsx", false, ErrFormat, "npy, csv, parquet"},
	} {
		err := write(at(c.path), c.format, c.force)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s to %s, force %v: %v, want %q", c.format, c.path, c.force, err, c.text)
		}
	}
	if b, err := os.ReadFile(at("photos/1.jpg")); err != nil || string(b) != "photo" {
		t.Error("the photo is gone", err)
	}
	must(t, write(at("empty"), NPY, false))
	must(t, write(at("arrays"), NPY, true))
	must(t, write(at("file"), CSV, true))
	must(t, write(at("rows.csv"), Parquet, true))
	must(t, write(at("rows.parquet"), CSV, true))
	if err := write(db.Path(), CSV, true); !errors.Is(err, ErrForeign) {
		t.Errorf("the store itself was replaced: %v", err)
	}
	if got := list(t, dir); got != "arrays empty file more photo.jpg photos rows.csv rows.parquet" {
		t.Errorf("left: %s", got)
	}
}

// An interrupt leaves nothing either, nor does a store with nothing to export.
func TestNothingWritten(t *testing.T) {
	db := storetest.Open(t)
	dir := storetest.Dir(t)
	path := filepath.Join(dir, "out")
	for _, f := range Formats {
		if _, err := Write(context.Background(), db, path, Options{Format: f}); !errors.Is(err, ErrNothing) {
			t.Errorf("an empty store: %v", err)
		}
	}
	fill(t, db)
	must(t, db.Update(func(tx *store.Tx) error { return tx.PutModel(store.Model{ID: "none", Dim: 1}) }))
	ctx, cancel := context.WithCancel(context.Background())
	for _, f := range Formats {
		_, err := Write(ctx, db, path, Options{Format: f, Models: []string{"none"}})
		if !errors.Is(err, ErrNothing) {
			t.Errorf("a model without vectors: %v", err)
		}
		if _, err = Write(ctx, db, path, Options{Format: f}); !errors.Is(err, ErrModels) {
			t.Errorf("several models: %v", err)
		}
		if _, err = Write(ctx, db, path, Options{Format: f, Models: []string{"aaaa"}, Splits: []split.Split{9}}); !errors.Is(err, ErrNothing) {
			t.Errorf("no split: %v", err)
		}
	}
	cancel()
	for _, f := range Formats {
		if _, err := Write(ctx, db, path, Options{Format: f, Models: []string{"aaaa"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	}
	if got := list(t, dir); got != "" {
		t.Errorf("left: %s", got)
	}
}

// What a killed export has left is removed by the next one, and nothing else.
func TestUnfinishedExports(t *testing.T) {
	db := storetest.Open(t)
	fill(t, db)
	for _, format := range Formats {
		dir := storetest.Dir(t)
		make := func(name, content string) {
			t.Helper()
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666))
		}
		inner := ""
		if format == NPY {
			inner = "/" + npyNames[0]
		}
		make(".out.01234567.tmp"+inner, "")
		make(".out.01234567.old"+inner, "") // its place is not taken: it may be all there is
		make(".out.0123456.tmp"+inner, "")
		make(".other.01234567.tmp"+inner, "")
		make(".out.89abcdef.tmp"+strings.Replace(inner, npyNames[0], "notes", 1), "of somebody")
		busy, err := newTarget(filepath.Join(dir, "out"), format == NPY, Options{})
		must(t, err)
		_, err = busy.create(npyNames[0])
		must(t, err)
		_, err = Write(context.Background(), db, filepath.Join(dir, "out"), Options{Format: format, Models: []string{"aaaa"}})
		must(t, err)
		want := ".other.01234567.tmp .out.0123456.tmp .out.01234567.old .out.89abcdef.tmp " + filepath.Base(busy.temp) + " out"
		names := strings.Fields(list(t, dir))
		if got, want := sorted(names), sorted(strings.Fields(want)); got != want {
			t.Errorf("%s: left are %s, want %s", format, got, want)
		}
		must(t, busy.discard())
		_, err = Write(context.Background(), db, filepath.Join(dir, "out"), Options{Format: format, Models: []string{"aaaa"}, Force: true})
		must(t, err)
		if list := list(t, dir); strings.Contains(list, ".out.01234567.old") {
			t.Errorf("%s: an export set aside was left: %s", format, list)
		}
	}
}

func sorted(names []string) string {
	slices.Sort(names)
	return strings.Join(names, " ")
}
