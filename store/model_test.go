package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A machine drives a store and a plain model of it side by side.
type machine struct {
	db      *store.DB
	images  map[store.Location]store.Image
	fails   map[store.Location]string
	vectors map[string]map[split.Digest][]float32
	views   map[viewOf][]float32
	count   map[string]int // of views, by model
	dims    map[string]int
	fixed   map[split.Digest]split.Split
	policy  split.Policy
	roots   []store.RootID
}

// A viewOf names a vector of a view.
type viewOf struct {
	model  string
	digest split.Digest
	number int
}

var (
	someDigests = rapid.Custom(func(t *rapid.T) split.Digest {
		return split.SumBytes([]byte{byte(rapid.IntRange(0, 4).Draw(t, "digest"))})
	})
	someLabels = rapid.SampledFrom([]string{"daisy", "тюльпан", "a/b"})
	somePaths  = rapid.SampledFrom([]string{"1.jpg", "2.jpg", "sub/3.jpg"})
	someModels = rapid.SampledFrom([]string{"small", "large"})
	someSplits = rapid.SampledFrom(split.All[:])
)

func newMachine(t *rapid.T, path string) *machine {
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		db: db, policy: split.DefaultPolicy(), dims: map[string]int{"small": 3, "large": 1100}, fixed: map[split.Digest]split.Split{},
		images: map[store.Location]store.Image{}, fails: map[store.Location]string{},
		vectors: map[string]map[split.Digest][]float32{"small": {}, "large": {}},
		views:   map[viewOf][]float32{}, count: map[string]int{},
	}
	m.update(t, func(tx *store.Tx) error {
		for k := range 2 {
			r, err := tx.PutRoot(someRoot(k))
			if err != nil {
				return err
			}
			m.roots = append(m.roots, r.ID)
		}
		return errors.Join(tx.PutModel(store.Model{ID: "small", Dim: 3}), tx.PutModel(store.Model{ID: "large", Dim: 1100}))
	})
	return m
}

// someRoot is a root of the machine: images of the second one may be without a label.
func someRoot(k int) store.Root {
	r := store.Root{Path: "/photos"}
	if k == 1 {
		r.Labels = &store.LabelSource{Kind: store.LabelsNone}
	}
	return r
}

func (m *machine) label(t *rapid.T, at store.Location) string {
	if at.Root == m.roots[1] && rapid.Bool().Draw(t, "unlabelled") {
		return store.Unlabelled
	}
	return someLabels.Draw(t, "label")
}

func (m *machine) update(t *rapid.T, fn func(*store.Tx) error) {
	t.Helper()
	if err := m.db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) location(t *rapid.T) store.Location {
	return store.Location{Root: rapid.SampledFrom(m.roots).Draw(t, "root"), Path: somePaths.Draw(t, "path")}
}

// forget drops vectors of digests that no image has.
func (m *machine) forget() {
	has := map[split.Digest]bool{}
	for _, i := range m.images {
		has[i.Digest] = true
	}
	for _, v := range m.vectors {
		maps.DeleteFunc(v, func(d split.Digest, _ []float32) bool { return !has[d] })
	}
	maps.DeleteFunc(m.views, func(v viewOf, _ []float32) bool { return !has[v.digest] })
}

func (m *machine) PutImage(t *rapid.T) {
	at := m.location(t)
	i := store.Image{Digest: someDigests.Draw(t, "digest"), Label: m.label(t, at), Size: rapid.Int64().Draw(t, "size"),
		MTime: rapid.Int64().Draw(t, "mtime")}
	m.update(t, func(tx *store.Tx) error { return tx.PutImage(at.Root, at.Path, i) })
	m.images[at] = i
	delete(m.fails, at)
	m.forget()
}

// Several changes in one transaction: a rename, say, or a swap.
func (m *machine) PutManyAndDelete(t *rapid.T) {
	n := rapid.IntRange(1, 6).Draw(t, "n")
	m.update(t, func(tx *store.Tx) error {
		for range n {
			at := m.location(t)
			if rapid.Bool().Draw(t, "delete") {
				if err := tx.DeleteImage(at.Root, at.Path); err != nil {
					return err
				}
				delete(m.images, at)
			} else {
				i := store.Image{Digest: someDigests.Draw(t, "digest"), Label: m.label(t, at)}
				if err := tx.PutImage(at.Root, at.Path, i); err != nil {
					return err
				}
				m.images[at] = i
				delete(m.fails, at)
			}
			m.forget()
		}
		return nil
	})
}

// All digests of images get vectors: without this, few moves have one to take along.
func (m *machine) PutAllVectors(t *rapid.T) {
	m.update(t, func(tx *store.Tx) error {
		for d := range m.digests() {
			for id, dim := range m.dims {
				vec := make([]float32, dim)
				vec[dim-1] = float32(d[0])
				if err := tx.PutVector(id, d, vec); err != nil {
					return err
				}
				m.vectors[id][d] = vec
			}
		}
		return nil
	})
}

func (m *machine) DeleteImage(t *rapid.T) {
	at := m.location(t)
	m.update(t, func(tx *store.Tx) error { return tx.DeleteImage(at.Root, at.Path) })
	delete(m.images, at)
	m.forget()
}

func (m *machine) PutFailure(t *rapid.T) {
	at := m.location(t)
	m.update(t, func(tx *store.Tx) error { return tx.PutFailure(at.Root, at.Path, store.Failure{Reason: "torn"}) })
	delete(m.images, at)
	m.fails[at] = "torn"
	m.forget()
}

func (m *machine) DeleteFailure(t *rapid.T) {
	at := m.location(t)
	m.update(t, func(tx *store.Tx) error { return tx.DeleteFailure(at.Root, at.Path) })
	delete(m.fails, at)
}

func (m *machine) PutVector(t *rapid.T) {
	id, d := someModels.Draw(t, "model"), someDigests.Draw(t, "digest")
	if i, ok := m.images[m.location(t)]; ok {
		d = i.Digest
	}
	vec := make([]float32, m.dims[id])
	vec[0] = rapid.Float32().Draw(t, "value")
	err := m.db.Update(func(tx *store.Tx) error { return tx.PutVector(id, d, vec) })
	if !m.digests()[d] {
		if !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("a vector without an image: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.vectors[id][d] = vec
}

func (m *machine) SetViews(t *rapid.T) {
	id, n := someModels.Draw(t, "model"), rapid.IntRange(0, 3).Draw(t, "count")
	var v *store.Views
	if n > 0 {
		v = &store.Views{Augment: "flip", Count: n}
	}
	before := len(m.views)
	maps.DeleteFunc(m.views, func(v viewOf, _ []float32) bool { return v.model == id && v.number > n })
	m.update(t, func(tx *store.Tx) error {
		removed, err := tx.SetViews(id, v)
		if err == nil && removed != before-len(m.views) {
			err = fmt.Errorf("%d views removed, want %d", removed, before-len(m.views))
		}
		return err
	})
	m.count[id] = n
}

func (m *machine) PutViews(t *rapid.T) {
	m.update(t, func(tx *store.Tx) error {
		for d := range m.digests() {
			for id, n := range m.count {
				number := rapid.IntRange(0, n).Draw(t, "number")
				if number == 0 {
					continue
				}
				vec := make([]float32, m.dims[id])
				vec[0] = rapid.Float32().Draw(t, "value")
				if err := tx.PutView(id, d, number, vec); err != nil {
					return err
				}
				m.views[viewOf{id, d, number}] = vec
			}
		}
		return nil
	})
}

func (m *machine) SetSplit(t *rapid.T) {
	d, s := someDigests.Draw(t, "digest"), someSplits.Draw(t, "split")
	m.update(t, func(tx *store.Tx) error { return tx.SetSplit(d, s) })
	m.fixed[d] = s
}

func (m *machine) ClearSplit(t *rapid.T) {
	d := someDigests.Draw(t, "digest")
	m.update(t, func(tx *store.Tx) error { return tx.ClearSplit(d) })
	delete(m.fixed, d)
}

func (m *machine) Resplit(t *rapid.T) {
	p := split.Policy{Validation: 30, Testing: 30, Salt: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "salt")}
	want := 0
	for d := range m.digests() {
		if _, fixed := m.fixed[d]; !fixed && len(m.labels(d)) == 1 && p.Assign(d) != m.policy.Assign(d) {
			want++
		}
	}
	moved, err := m.db.Resplit(context.Background(), p, nil)
	if err != nil || moved != want || m.db.Policy() != p {
		t.Fatalf("moved %d, want %d, %v", moved, want, err)
	}
	m.policy = p
}

// A transaction that fails changes nothing.
func (m *machine) Fail(t *rapid.T) {
	at := m.location(t)
	d := someDigests.Draw(t, "digest")
	err := m.db.Update(func(tx *store.Tx) error {
		err := errors.Join(tx.PutImage(at.Root, at.Path, store.Image{Digest: d, Label: "lost"}), tx.SetSplit(d, split.Testing),
			tx.DeleteRoot(m.roots[0]), tx.DeleteModel("small"))
		if err != nil {
			t.Fatal(err)
		}
		return errInjected
	})
	if !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
}

func (m *machine) DeleteRoot(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
		t.Skip()
	}
	k := rapid.IntRange(0, 1).Draw(t, "k")
	gone := m.roots[k]
	m.update(t, func(tx *store.Tx) error {
		r, err := tx.PutRoot(someRoot(k))
		m.roots[k] = r.ID
		return errors.Join(err, tx.DeleteRoot(gone))
	})
	maps.DeleteFunc(m.images, func(at store.Location, _ store.Image) bool { return at.Root == gone })
	maps.DeleteFunc(m.fails, func(at store.Location, _ string) bool { return at.Root == gone })
	m.forget()
}

func (m *machine) DeleteModel(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
		t.Skip()
	}
	id := someModels.Draw(t, "model")
	m.update(t, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteModel(id), tx.PutModel(store.Model{ID: id, Dim: m.dims[id]}))
	})
	clear(m.vectors[id])
	maps.DeleteFunc(m.views, func(v viewOf, _ []float32) bool { return v.model == id })
	delete(m.count, id)
}

func (m *machine) Reopen(t *rapid.T) {
	if err := m.db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(m.db.Path(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.db = db
}

func (m *machine) digests() map[split.Digest]bool {
	all := map[split.Digest]bool{}
	for _, i := range m.images {
		all[i.Digest] = true
	}
	return all
}

// labels returns the sorted distinct labels of a digest.
func (m *machine) labels(d split.Digest) []string {
	var labels []string
	for _, i := range m.images {
		if i.Digest == d && i.Label != store.Unlabelled {
			labels = append(labels, i.Label)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

func (m *machine) splitOf(d split.Digest) split.Split {
	if s, ok := m.fixed[d]; ok {
		return s
	}
	return m.policy.Assign(d)
}

// Random changes keep the store equal to a plain model of it, and in order.
func TestStoreBehavesAsItsModel(t *testing.T) {
	dir := storetest.Dir(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		m := newMachine(t, filepath.Join(dir, fmt.Sprint(n)))
		defer func() { m.db.Close() }()
		actions := rapid.StateMachineActions(m)
		check := actions[""]
		steps := 0
		actions[""] = func(t *rapid.T) { // comparing all costs more than the changes
			if steps++; steps%4 == 0 {
				check(t)
			}
		}
		t.Repeat(actions)
		check(t)
	})
}
