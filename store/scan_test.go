package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A scan calls for each photo once, with its vectors and its place, whatever labels there
// are, however many workers look; and for none that lacks a vector of one of the models.
func TestScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := storetest.TempDir()
		defer remove()
		db, err := store.Open(dir+"/features.db", store.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		want := scanned{}
		n := rapid.IntRange(0, 300).Draw(t, "photos")
		labels := rapid.IntRange(1, 4).Draw(t, "labels")
		err = db.Update(func(tx *store.Tx) error {
			source := &store.LabelSource{Kind: store.LabelsNone}
			_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos", Labels: source})
			errs := []error{err, tx.PutModel(store.Model{ID: "m", Dim: 3}), tx.PutModel(store.Model{ID: "n", Dim: 2})}
			for i := range n {
				errs = append(errs, putScanned(tx, i, labels, want))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			t.Fatal(err)
		}
		keep := func(p store.Placement) bool { return true }
		if rapid.Bool().Draw(t, "only labelled") {
			keep = store.Placement.Placed
		}
		opt := store.ScanOptions{Models: []string{"m", "n"}, Keep: keep, Workers: rapid.IntRange(1, 4).Draw(t, "workers")}
		got, err := scanAll(db, opt)
		if err != nil {
			t.Fatal(err)
		}
		for d, w := range want {
			if !keep(w.place) {
				delete(want, d)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d photos, want %d", len(got), len(want))
		}
		for d, w := range want {
			g := got[d]
			if g.place != w.place || !slices.Equal(g.row, w.row) {
				t.Fatalf("photo %s: %v, want %v", d.Short(), g, w)
			}
		}
	})
}

type scannedPhoto struct {
	place store.Placement
	row   []float32
}

type scanned map[split.Digest]scannedPhoto

// putScanned puts a photo with a label, with none or with two, and notes what a scan has to
// say of it. Every ninth has one vector only.
func putScanned(tx *store.Tx, i, labels int, want scanned) error {
	d := split.SumBytes([]byte(fmt.Sprint(i)))
	s, err := tx.Split(d)
	if err != nil {
		return err
	}
	label := fmt.Sprint("label", i%labels)
	p := store.Placement{Label: label, Split: s}
	errs := []error{}
	switch i % 7 {
	case 3:
		label, p = store.Unlabelled, store.Placement{}
	case 5:
		p = store.Placement{Disputed: true}
		errs = append(errs, tx.PutImage(1, fmt.Sprint(i, "b"), store.Image{Digest: d, Label: "other"}))
	}
	row := []float32{float32(i), 1, 2, 3, float32(-i)}
	errs = append(errs, tx.PutImage(1, fmt.Sprint(i), store.Image{Digest: d, Label: label}), tx.PutVector("m", d, row[:3]))
	if i%9 != 8 {
		errs = append(errs, tx.PutVector("n", d, row[3:]))
		want[d] = scannedPhoto{p, row}
	}
	return errors.Join(errs...)
}

func scanAll(db *store.DB, opt store.ScanOptions) (scanned, error) {
	got := scanned{}
	var mu sync.Mutex
	err := db.Scan(context.Background(), opt, func(_ int, b *store.Block) error {
		mu.Lock()
		defer mu.Unlock()
		for i, d := range b.Digests {
			if _, twice := got[d]; twice {
				return fmt.Errorf("photo %s comes twice", d.Short())
			}
			row := slices.Concat(b.Vectors[0][3*i:3*i+3], b.Vectors[1][2*i:2*i+2])
			got[d] = scannedPhoto{b.Placement, row}
		}
		return nil
	})
	return got, err
}

// Errors of the function, and a context that is cancelled, end a scan.
func TestScanEnds(t *testing.T) {
	db := storetest.Open(t)
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos", Labels: &store.LabelSource{Kind: store.LabelsNone}})
		errs := []error{err, tx.PutModel(store.Model{ID: "m", Dim: 3}), tx.PutModel(store.Model{ID: "n", Dim: 2})}
		for i := range 200 {
			errs = append(errs, putScanned(tx, i, 2, scanned{}))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	opt := store.ScanOptions{Models: []string{"m"}, Workers: 2}
	if err := db.Scan(t.Context(), opt, func(int, *store.Block) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the function's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = db.Scan(ctx, opt, func(int, *store.Block) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	opt.Models = []string{"nosuch"}
	if err := db.Scan(t.Context(), opt, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a model that is not there: %v", err)
	}
}
