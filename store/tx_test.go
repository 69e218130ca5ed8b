package store_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// started makes a store with a root and a model of three floats.
func started(t testing.TB) *store.DB {
	t.Helper()
	db := storetest.Open(t)
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos"})
		return errors.Join(err, tx.PutModel(store.Model{ID: "m", Dim: 3}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestRefusals(t *testing.T) {
	db := started(t)
	d := split.SumBytes(nil)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	image := func(path, label string) func(*store.Tx) error {
		return func(tx *store.Tx) error { return tx.PutImage(1, path, store.Image{Digest: d, Label: label}) }
	}
	vector := func(vec ...float32) func(*store.Tx) error {
		return func(tx *store.Tx) error { return errors.Join(image("x", "a")(tx), tx.PutVector("m", d, vec)) }
	}
	for name, c := range map[string]struct {
		do   func(*store.Tx) error
		want error
		says string
	}{
		"no label":       {image("x", ""), store.ErrBadLabel, "image x: unusable label: it is empty"},
		"long label":     {image("x", strings.Repeat("ж", 20000)), store.ErrBadLabel, "has 40000 bytes, at most 32768"},
		"binary label":   {image("x", "caf\xe9"), store.ErrBadLabel, "not UTF-8"},
		"no path":        {image("", "a"), store.ErrBadPath, "empty"},
		"long path":      {image(strings.Repeat("p", 32729), "a"), store.ErrBadPath, "at most 32728"},
		"no root":        {func(tx *store.Tx) error { return tx.PutImage(7, "x", store.Image{Label: "a"}) }, store.ErrNotFound, "root 7"},
		"root by id":     {func(tx *store.Tx) error { _, err := tx.PutRoot(store.Root{ID: 9}); return err }, store.ErrNotFound, ""},
		"NaN":            {vector(1, nan, 2), store.ErrBadVector, "value 1 of 3 is NaN"},
		"infinity":       {vector(inf, 1, 2), store.ErrBadVector, "value 0 of 3 is -Inf"},
		"short vector":   {vector(1, 2), store.ErrBadVector, "it has 2 floats, model m gives 3"},
		"no vector":      {vector(), store.ErrBadVector, ""},
		"no image":       {func(tx *store.Tx) error { return tx.PutVector("m", d, make([]float32, 3)) }, store.ErrNotFound, "no image with that digest"},
		"no model":       {func(tx *store.Tx) error { return tx.PutVector("x", d, make([]float32, 3)) }, store.ErrNotFound, "model x"},
		"other dim":      {func(tx *store.Tx) error { return tx.PutModel(store.Model{ID: "m", Dim: 4}) }, nil, "3 floats in the store, not 4"},
		"no dim":         {func(tx *store.Tx) error { return tx.PutModel(store.Model{ID: "n"}) }, nil, "0 floats"},
		"no id":          {func(tx *store.Tx) error { return tx.PutModel(store.Model{Dim: 1}) }, nil, "bytes of UTF-8"},
		"delete nothing": {func(tx *store.Tx) error { return tx.DeleteModel("x") }, store.ErrNotFound, ""},
		"headless":       {func(tx *store.Tx) error { return tx.DeleteHead("x") }, store.ErrNotFound, "head x"},
		"head, no model": {func(tx *store.Tx) error { return tx.PutHead(store.Head{Name: "h"}) }, nil, "names no model"},
		"head, old model": {func(tx *store.Tx) error { return tx.PutHead(store.Head{Name: "h", Models: []string{"gone"}}) }, store.ErrNotFound,
			"needs model gone"},
		"head, dim": {func(tx *store.Tx) error { return tx.PutHead(store.Head{Name: "h", Models: []string{"m"}, Dim: 5}) }, nil,
			"takes 5 inputs, its models give 3"},
		"head, no name": {func(tx *store.Tx) error { return tx.PutHead(store.Head{Models: []string{"m"}, Dim: 3}) }, nil, "head \"\""},
		"no such split": {func(tx *store.Tx) error { return tx.SetSplit(d, 7) }, nil, "unknown split"},
		"used model": {func(tx *store.Tx) error {
			return errors.Join(tx.PutHead(store.Head{Name: "h", Models: []string{"m"}, Dim: 3}), tx.DeleteModel("m"))
		}, store.ErrInUse, "by head h: delete that first"},
	} {
		err := db.Update(c.do)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v\nwant %v, %q", name, err, c.want, c.says)
		}
	}
	if st, err := db.Stats(); err != nil || st.Images != 0 || len(st.Heads) != 0 {
		t.Errorf("something was kept: %+v %v", st, err)
	}
}

func TestLongestNames(t *testing.T) {
	db := started(t)
	label, path := strings.Repeat("é", store.MaxLabel/2), strings.Repeat("p", store.MaxPath)
	d := split.SumBytes(nil)
	err := db.Update(func(tx *store.Tx) error {
		return errors.Join(tx.PutImage(1, path, store.Image{Digest: d, Label: label}), tx.SetSplit(d, split.Training), tx.PutVector("m", d, []float32{1, 2, 3}))
	})
	if err != nil {
		t.Fatal(err)
	}
	ix, err := db.Index([]string{"m"}, split.Training)
	if err != nil || len(ix.Labels) != 1 || ix.Labels[0] != label {
		t.Errorf("%d labels, %v", len(ix.Labels), err)
	}
}

// A panic of the caller's is not taken for damage, and nothing is kept.
func TestPanicsOfTheCallerGoOn(t *testing.T) {
	db := started(t)
	for name, do := range map[string]func(func(*store.Tx) error) error{"View": db.View, "Update": db.Update} {
		for what, fn := range map[string]func(*store.Tx) error{
			"panic":    func(tx *store.Tx) error { tx.PutRoot(store.Root{}); panic("mine") },
			"nil":      func(*store.Tx) error { var p *store.Head; p.Name = "x"; return nil },
			"no index": func(*store.Tx) error { var a []int; a[len(a)]++; return nil },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s was swallowed", name, what)
					}
				}()
				do(fn)
			}()
		}
	}
	if st, err := db.Stats(); err != nil || len(st.Roots) != 1 {
		t.Errorf("%d roots, %v", len(st.Roots), err)
	}
}

// A file cut short by another program while it is open makes errors, not a crash.
func TestCutWhileOpen(t *testing.T) {
	path := fillToDamage(t)
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ix, err := db.Index([]string{"large"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 3*4096); err != nil {
		t.Skip(err)
	}
	err = db.Each(ix, func(int, split.Digest, []float32) error { return nil })
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Each: %v", err)
	}
	if err := db.Update(func(tx *store.Tx) error { return tx.DeleteRoot(1) }); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Update: %v", err)
	}
	if r, err := db.Check(t.Context(), nil); err == nil && r.OK() {
		t.Error("Check found nothing")
	}
	db.Close()
	if _, err := store.Open(path, store.Options{}); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("Open: %v", err)
	}
}

func TestStats(t *testing.T) {
	path := fill(t)
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	st, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if st.FileBytes != info.Size() || st.Images != 37 || st.Distinct != 36 || st.Failures != 1 || st.Fixed != 1 || st.Pending != nil {
		t.Errorf("%+v", st)
	}
	if len(st.Disputed) != 1 || st.Disputed[0].Digest != smallModel.Digest(0, 0) || len(st.Disputed[0].At) != 2 ||
		st.Disputed[0].At[0].Path != "copy.jpg" || st.Disputed[0].Labels[1] != "label00" {
		t.Errorf("disputed %+v", st.Disputed)
	}
	sum := 0
	for i, l := range st.Labels {
		for _, n := range l.Splits {
			sum += n
		}
		if want := []int{1, 12, 12, 12}[i]; l.Images != want {
			t.Errorf("%s has %d images", l.Label, l.Images)
		}
	}
	if sum != 35 || len(st.Labels) != 4 || st.Labels[0].Label != "another" {
		t.Errorf("labels %+v", st.Labels)
	}
	if m := st.Models[1]; m.ID != "small" || m.Vectors != 36 || m.Disputed != 1 || m.Missing != 0 {
		t.Errorf("model %+v", m)
	}
	if len(st.Heads) != 1 || len(st.Roots) != 1 || st.Roots[0].Images != 37 || st.Roots[0].Failures != 1 {
		t.Errorf("%+v", st)
	}
}

func TestCompact(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "features.db")
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	fillAll(t, db)
	c := storetest.Clusters{Model: "big", Labels: 1, Images: 300, Dim: 1280, Seed: 9}
	c.Fill(t, db)
	if err := errors.Join(db.Update(func(tx *store.Tx) error { return tx.DeleteModel("big") }), db.Close()); err != nil {
		t.Fatal(err)
	}
	want := contents(t, path)
	for k := 0; ; k++ { // a failure at step k leaves the store as it was
		n, fired := 0, false
		_, _, err := store.CompactWithFault(path, func(string) error {
			if n++; n-1 == k {
				fired = true
				return errInjected
			}
			return nil
		})
		if !fired {
			if err != nil || k < 3 {
				t.Fatalf("%v after %d steps", err, k)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: %v", k, err)
		}
		if got := contents(t, path); got != want {
			t.Fatalf("step %d: the store has changed", k)
		}
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
			t.Errorf("step %d: left behind %v", k, names)
		}
	}
	if got := contents(t, path); got != want {
		t.Error("the store has changed")
	}
	storetest.CheckFile(t, path)
	info, _ := os.Stat(path)
	if info.Size() > 1<<20 {
		t.Errorf("still %d bytes", info.Size())
	}
	before, after, err := store.Compact(t.Context(), path, store.Options{})
	if err != nil || before != info.Size() || after != before {
		t.Errorf("again: from %d to %d, %v", before, after, err)
	}
	if again, err := os.Stat(path); err != nil || !os.SameFile(info, again) {
		t.Errorf("a store without free space was written anew: %v", err)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind %v", names)
	}
}

// However many vectors a store has, compacting makes no more of it: bbolt would have
// the copy's file grow to the next power of two.
func TestCompactNeverGrows(t *testing.T) {
	for _, images := range []int{1, 60, 130, 250, 450} {
		path := filepath.Join(storetest.Dir(t), "features.db")
		db, err := store.Open(path, store.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		c := storetest.Clusters{Model: "m", Labels: 2, Images: images, Dim: 1280, Seed: 9}
		c.Fill(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		before, after, err := store.Compact(t.Context(), path, store.Options{})
		info, _ := os.Stat(path)
		if most := int64(2*images)*1280*4*5/4 + 128<<10; err != nil || after > before || after > most || after != info.Size() {
			t.Errorf("%d images: from %d to %d bytes, want at most %d: %v", images, before, after, most, err)
		}
		storetest.CheckFile(t, path)
	}
}
