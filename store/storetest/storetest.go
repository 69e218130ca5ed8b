// Package storetest helps tests that need a store.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"featstore/split"
	"featstore/store"
)

// Open makes a new store in a temporary folder. When the test ends, the whole store
// is checked and closed.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "features.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	CheckAtEnd(t, db)
	return db
}

// CheckAtEnd has the whole store checked and closed when the test ends. The test
// may close it earlier; then the file is checked.
func CheckAtEnd(t testing.TB, db *store.DB) {
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
		CheckFile(t, db.Path())
	})
}

// Dir makes a temporary folder. When the test ends, every store in it, a file whose name
// ends in .db, is checked, except that files named damaged*.db are what they say. Tests that
// open stores by themselves do it in such a folder: TestStoresAreChecked asks for it.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { CheckFolder(t, dir) })
	return dir
}

// TempDir is Dir for examples and for rapid's checks, which have no testing.TB: remove checks
// the stores, which must be closed, panics if one is not in order, and removes the folder.
func TempDir() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "storetest")
	if err != nil {
		panic(err)
	}
	return dir, func() {
		defer os.RemoveAll(dir)
		paths, err := stores(dir)
		if err != nil {
			panic(err)
		}
		for _, path := range paths {
			if problems := problemsOf(path); len(problems) > 0 {
				panic(fmt.Sprint("checking the store: ", problems))
			}
		}
	}
}

// CheckFolder fails the test if a store in the folder is not in order: see Dir.
func CheckFolder(t testing.TB, dir string) {
	t.Helper()
	paths, err := stores(dir)
	if err != nil {
		t.Errorf("looking for stores to check: %v", err)
	}
	for _, path := range paths {
		CheckFile(t, path)
	}
}

// stores finds the stores in a folder that are said to be in order. None are in one that is
// gone: the test may have moved it.
func stores(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if path == dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && e.Type().IsRegular() && filepath.Ext(path) == ".db" && !strings.HasPrefix(e.Name(), "damaged") {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}

// CheckFile fails the test if the store at path is not in order.
func CheckFile(t testing.TB, path string) {
	t.Helper()
	for _, p := range problemsOf(path) {
		t.Errorf("checking the store: %s", p)
	}
}

// problemsOf checks a whole store.
func problemsOf(path string) []string {
	r, err := store.CheckFile(context.Background(), path, nil)
	if err != nil {
		return []string{err.Error()}
	}
	problems := slices.Clone(r.Problems)
	if !r.Finished {
		problems = append(problems, "the check did not reach its end")
	}
	return problems
}

// Clusters describes synthetic data: one Gaussian cloud of vectors a label. The
// label's mean is random; Spread is the standard deviation around it, where the
// means' own is 1.
type Clusters struct {
	Model  string // id; "m" if empty
	Labels int
	Images int // a label
	Dim    int
	Spread float64
	Scale  float64 // of all vectors; 1 if 0
	Seed   uint64
}

// Digest returns the digest that Fill gives to image i of a label.
func (c Clusters) Digest(label, i int) split.Digest {
	return split.SumBytes(fmt.Appendf(nil, "%d/%d/%d", c.Seed, label, i))
}

func (c Clusters) model() string {
	if c.Model == "" {
		return "m"
	}
	return c.Model
}

// Label returns the name of a label.
func (c Clusters) Label(label int) string { return fmt.Sprintf("label%02d", label) }

// Vector returns the vector that Fill gives to image i of a label. Models of
// different ids give different vectors.
func (c Clusters) Vector(label, i int) []float32 {
	id := split.SumBytes([]byte(c.model()))
	salt := c.Seed ^ uint64(id[0])<<8 ^ uint64(id[1])
	mean := rand.New(rand.NewPCG(salt, uint64(label)))
	noise := rand.New(rand.NewPCG(salt+1, uint64(label)<<32|uint64(i)))
	vec := make([]float32, c.Dim)
	for k := range vec {
		// Rounded explicitly, so that no machine fuses it with the sum.
		vec[k] = float32(mean.NormFloat64() + float64(c.Spread*noise.NormFloat64()))
		if c.Scale != 0 {
			vec[k] *= float32(c.Scale)
		}
	}
	return vec
}

// Fill puts the data into the store, under a root named "synthetic". Filling a
// second time with another Model adds that model's vectors to the same images.
func (c Clusters) Fill(t testing.TB, db *store.DB) {
	t.Helper()
	c.Model = c.model()
	var root store.Root
	err := db.Update(func(tx *store.Tx) (err error) {
		if root, err = syntheticRoot(tx); err != nil {
			return err
		}
		return tx.PutModel(store.Model{ID: c.Model, Name: "synthetic", Tap: "features", Dim: c.Dim, Added: time.Unix(0, 0)})
	})
	if err != nil {
		t.Fatal(err)
	}
	w := db.NewWriter(store.WriterOptions{})
	for l := range c.Labels {
		for i := range c.Images {
			err := w.Put(store.Entry{
				Root:    root.ID,
				Path:    fmt.Sprintf("%s/%06d.jpg", c.Label(l), i),
				Image:   store.Image{Digest: c.Digest(l, i), Size: 1000, MTime: 1, Label: c.Label(l)},
				Vectors: map[string][]float32{c.Model: c.Vector(l, i)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// FillViews gives the training images count views, each the image with some noise of its
// own: what spread is to Clusters. The data must have been filled in.
func (c Clusters) FillViews(t testing.TB, db *store.DB, count int, spread float64) {
	t.Helper()
	err := db.Update(func(tx *store.Tx) error {
		if _, err := tx.SetViews(c.model(), &store.Views{Augment: "synthetic", Count: count}); err != nil {
			return err
		}
		for l := range c.Labels {
			for i := range c.Images {
				if s, err := tx.Split(c.Digest(l, i)); err != nil || s != split.Training {
					if err != nil {
						return err
					}
					continue
				}
				for view := 1; view <= count; view++ {
					noise := rand.New(rand.NewPCG(c.Seed+2, uint64(l)<<48|uint64(i)<<16|uint64(view)))
					vec := c.Vector(l, i)
					for k := range vec {
						vec[k] += float32(float64(spread * noise.NormFloat64()))
					}
					if err := tx.PutView(c.model(), c.Digest(l, i), view, vec); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func syntheticRoot(tx *store.Tx) (store.Root, error) {
	roots, err := tx.Roots()
	if err != nil {
		return store.Root{}, err
	}
	for _, r := range roots {
		if r.Name == "synthetic" {
			return r, nil
		}
	}
	return tx.PutRoot(store.Root{Path: "/synthetic", Name: "synthetic", Seen: time.Unix(0, 0)})
}
