package store_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

var flips = flag.Int("flips", 60, "bits that TestNoFlipPassesForOrder flips")

// results is all that commands can learn from a store, as text.
func results(path string) (string, error) {
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer db.Close()
	var b strings.Builder
	text, err := describe(db)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&b, text, db.Policy(), db.Created())
	err = db.View(func(tx *store.Tx) error {
		heads, err := tx.Heads()
		if err != nil {
			return err
		}
		fixed, err := tx.FixedSplits()
		fmt.Fprintln(&b, heads, fixed) // maps are printed in order
		return err
	})
	if err != nil {
		return "", err
	}
	for _, models := range [][]string{{"small"}, {"large"}, {"small", "large"}} {
		for _, sp := range split.All {
			ix, err := db.Index(models, sp)
			if err != nil {
				return "", err
			}
			err = db.Each(ix, func(l int, d split.Digest, row []float32) error {
				fmt.Fprintln(&b, ix.Labels[l], d, bits(row))
				return nil
			})
			if err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

// livePages returns the pages of a store that are in use, its headers among them.
func livePages(t testing.TB, path string) []int {
	b, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var live []int
	err = b.View(func(tx *bolt.Tx) error {
		for id := 0; ; {
			p, err := tx.Page(id)
			if p == nil || err != nil {
				return err
			}
			for n := range p.OverflowCount + 1 {
				if p.Type != "free" {
					live = append(live, id+n)
				}
			}
			id += p.OverflowCount + 1
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// Whatever bit is flipped, a store that Check calls in order gives the results it
// gave before.
func TestNoFlipPassesForOrder(t *testing.T) {
	path := fill(t)
	whole, pages := read(t, path), livePages(t, path)
	want, err := results(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(storetest.Dir(t), "damaged.db")
	rng := rand.New(rand.NewPCG(7, uint64(*flips)))
	found := 0
	for i := range *flips {
		at := 4096*pages[rng.IntN(len(pages))] + rng.IntN(4096)
		if i%3 == 0 { // where most of what bbolt says lies
			at = at/4096*4096 + rng.IntN(200)
		}
		if i%10 == 0 {
			at = 4096*rng.IntN(2) + rng.IntN(80)
		}
		data := bytes.Clone(whole)
		data[at] ^= 1 << rng.IntN(8)
		write(t, bad, data)
		r, err := store.CheckFile(context.Background(), bad, nil)
		if err != nil || !r.OK() {
			found++
			continue
		}
		if got, err := results(bad); err != nil || got != want {
			t.Errorf("byte %d of page %d: in order, but the results differ (%v)", at%4096, at/4096, err)
		}
	}
	t.Logf("%d of %d flipped bits were found, the others change nothing", found, *flips)
	if found < *flips/3 {
		t.Errorf("only %d of %d flipped bits were found", found, *flips)
	}
}
