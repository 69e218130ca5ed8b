package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// What a writer stores is what the same operations store one by one, in whatever
// batches they fall.
func TestWriterKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		direct, batched := started(t), started(t)
		w := batched.NewWriter(store.WriterOptions{MaxOps: rapid.IntRange(1, 9).Draw(rt, "ops")})
		for range rapid.IntRange(1, 30).Draw(rt, "n") {
			path, d, label := somePaths.Draw(rt, "path"), someDigests.Draw(rt, "digest"), someLabels.Draw(rt, "label")
			image := store.Image{Digest: d, Label: label}
			vec := []float32{rapid.Float32().Draw(rt, "v"), 0, 0}
			var do func(*store.Tx) error
			if rapid.Bool().Draw(rt, "delete") {
				do = func(tx *store.Tx) error { return tx.DeleteImage(1, path) }
				if err := direct.Update(do); err != nil {
					rt.Fatal(err)
				}
				if err := w.Do(do); err != nil {
					rt.Fatal(err)
				}
			} else {
				do = func(tx *store.Tx) error {
					return errors.Join(tx.PutImage(1, path, image), tx.PutVector("m", d, vec))
				}
				if err := direct.Update(do); err != nil {
					rt.Fatal(err)
				}
				if err := w.Put(store.Entry{Root: 1, Path: path, Image: image, Vectors: map[string][]float32{"m": vec}}); err != nil {
					rt.Fatal(err)
				}
				clear(vec) // the writer has copied it
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		a, err1 := describe(direct)
		b, err2 := describe(batched)
		if a, b = a[indexOfImages(a):], b[indexOfImages(b):]; err1 != nil || err2 != nil || a != b {
			rt.Fatalf("%v %v\n%s\n%s", err1, err2, a, b)
		}
	})
}

// indexOfImages skips the dates in the description of a store.
func indexOfImages(s string) int {
	for i, c := range s {
		if c == '\n' {
			return i
		}
	}
	return 0
}

func TestWriterErrors(t *testing.T) {
	db := started(t)
	w := db.NewWriter(store.WriterOptions{})
	entry := func(path, label string, vec ...float32) store.Entry {
		return store.Entry{Root: 1, Path: path, Image: store.Image{Label: label}, Vectors: map[string][]float32{"m": vec}}
	}
	// Refused at once, without harm.
	if err := w.Put(entry("a", "")); !errors.Is(err, store.ErrBadLabel) {
		t.Error(err)
	}
	if err := w.Put(entry("", "a")); !errors.Is(err, store.ErrBadPath) {
		t.Error(err)
	}
	if err := w.Put(entry("a", "a", 1, 2, float32(nan()))); !errors.Is(err, store.ErrBadVector) {
		t.Error(err)
	}
	if err := errors.Join(w.Put(entry("good", "a", 1, 2, 3)), w.Flush()); err != nil {
		t.Fatal(err)
	}
	// An error of a transaction ends the writer and is told by every later call.
	if err := w.Put(entry("a", "a", 1)); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Flush": w.Flush, "Put": func() error { return w.Put(entry("b", "b", 1, 2, 3)) }, "Err": w.Err,
		"Do": func() error { return w.Do(func(*store.Tx) error { return nil }) }, "Close": w.Close, "Close again": w.Close,
	} {
		if name == "Err" || name == "Put" || name == "Do" {
			w.Flush()
		}
		if err := call(); !errors.Is(err, store.ErrBadVector) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if st, err := db.Stats(); err != nil || st.Images != 1 {
		t.Errorf("%d images, %v", st.Images, err)
	}
	w = db.NewWriter(store.WriterOptions{})
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Put(entry("b", "b", 1, 2, 3)); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if err := w.Flush(); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

// Pending operations are committed after a while, without Flush.
func TestWriterCommitsInTime(t *testing.T) {
	db := started(t)
	committed := make(chan int, 10)
	w := db.NewWriter(store.WriterOptions{MaxDelay: 10 * time.Millisecond, Committed: func(n int) { committed <- n }})
	if err := w.Do(func(tx *store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := <-committed; n != 1 {
		t.Errorf("%d operations", n)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestWriterOfManyGoroutines(t *testing.T) {
	db := started(t)
	total := 0
	w := db.NewWriter(store.WriterOptions{MaxOps: 50, MaxBytes: 2000, Committed: func(n int) { total += n }})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 40 {
				name := fmt.Sprint(g, "-", i)
				err := w.Put(store.Entry{Root: 1, Path: name, Image: store.Image{Digest: split.SumBytes([]byte(name)), Label: "a"},
					Vectors: map[string][]float32{"m": {1, 2, 3}}})
				if err == nil && i%10 == 0 {
					err = w.Flush()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err := db.Stats(); err != nil || st.Images != 320 || total != 320 || st.Models[0].Vectors != 320 {
		t.Errorf("%d images, %d committed, %v", st.Images, total, err)
	}
}

// A change of splits that fails at step k leaves the store in order; the next run
// finishes it.
func TestResplitFails(t *testing.T) {
	policy := split.Policy{Validation: 40, Testing: 30, Salt: "new"}
	for _, reopen := range []bool{false, true} {
		for k := 0; ; k++ {
			db := storetest.Open(t)
			c := storetest.Clusters{Labels: 2, Images: 2200, Dim: 2}
			c.Fill(t, db)
			n, fired := 0, false
			store.SetFault(db, func(string) error {
				if n++; n-1 == k {
					fired = true
					return errInjected
				}
				return nil
			})
			_, err := db.Resplit(context.Background(), policy, nil)
			store.SetFault(db, nil)
			if !fired {
				if err != nil || k < 4 {
					t.Fatalf("%v after %d steps", err, k)
				}
				break
			}
			if !errors.Is(err, errInjected) {
				t.Fatalf("step %d: %v", k, err)
			}
			if r, err := db.Check(context.Background(), nil); err != nil || !r.OK() {
				t.Fatalf("step %d: %v %+v", k, err, r)
			}
			if st, err := db.Stats(); err != nil || st.Pending != nil {
				if _, err := db.Index([]string{"m"}, split.Testing); !errors.Is(err, store.ErrResplitting) {
					t.Errorf("step %d: Index: %v", k, err)
				}
			} else if db.Policy() != split.DefaultPolicy() {
				t.Errorf("step %d: neither old nor changing", k)
			}
			finishResplit(t, db, policy, reopen)
			if testing.Short() {
				k += 3
			}
		}
	}
}

func finishResplit(t *testing.T, db *store.DB, policy split.Policy, reopen bool) {
	t.Helper()
	was, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if reopen {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if db, err = store.Open(db.Path(), store.Options{}); err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		// Opening for writing changes nothing that nobody has asked for.
		if is, err := db.Stats(); err != nil || !cmp.Equal(was.Pending, is.Pending) || was.Policy != is.Policy || was.Pending != nil && *was.Pending != policy {
			t.Errorf("pending %+v, was %+v, %v", is.Pending, was.Pending, err)
		}
	}
	if _, err := db.Resplit(context.Background(), policy, func(done, total int) {
		if done > total || total != 4400 {
			t.Errorf("%d of %d", done, total)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if db.Policy() != policy {
		t.Errorf("policy %+v", db.Policy())
	}
	ix, err := db.Index([]string{"m"}, split.Testing)
	if err != nil || ix.Len() < 1100 || ix.Len() > 1500 {
		t.Errorf("%d testing images, %v", ix.Len(), err)
	}
}

func TestResplitStopsAndGoesOn(t *testing.T) {
	db := storetest.Open(t)
	c := storetest.Clusters{Labels: 2, Images: 2500, Dim: 2}
	c.Fill(t, db)
	ctx, cancel := context.WithCancel(context.Background())
	policy := split.Policy{Validation: 40, Testing: 30}
	first, err := db.Resplit(ctx, policy, func(done, total int) { cancel() })
	if !errors.Is(err, context.Canceled) || first == 0 {
		t.Fatalf("%d moved, %v", first, err)
	}
	changed := 0
	for l := range 2 {
		for i := range 2500 {
			if d := c.Digest(l, i); policy.Assign(d) != split.DefaultPolicy().Assign(d) {
				changed++
			}
		}
	}
	if rest, err := db.Resplit(context.Background(), policy, nil); err != nil || first+rest != changed {
		t.Errorf("moved %d and %d, want %d together, %v", first, rest, changed, err)
	}
	// Another policy while one change is unfinished: the first is finished before.
	ctx, cancel = context.WithCancel(context.Background())
	if _, err := db.Resplit(ctx, split.Policy{Testing: 30, Salt: "y"}, func(done, total int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	third := split.Policy{Testing: 50, Salt: "x"}
	if _, err := db.Resplit(context.Background(), third, nil); err != nil || db.Policy() != third {
		t.Errorf("%+v %v", db.Policy(), err)
	}
	if n, err := db.Resplit(context.Background(), third, nil); n != 0 || err != nil {
		t.Errorf("changing nothing moved %d, %v", n, err)
	}
	if _, err := db.Resplit(context.Background(), split.Policy{Testing: 150}, nil); err == nil {
		t.Error("an impossible policy was taken")
	}
}
