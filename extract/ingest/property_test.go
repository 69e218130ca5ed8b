package ingest

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// A folder is changed at random between runs with pruning. After each run the
// store must hold what a run over the same folder into a new store would make,
// and the network must have run exactly once for each content that came anew.
func TestAnyChangesComputeExactlyWhatTheyMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := storetest.TempDir()
		defer remove()
		db, err := store.Open(filepath.Join(dir, "features.db"), store.Options{Create: true})
		must(t, err)
		defer db.Close()
		w := &world{t: t, dir: filepath.Join(dir, "photos"), db: db, time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
		var calls atomic.Int64
		nets := []network{fake{id: "m", calls: &calls}.network()}
		files := map[string]string{} // path to content
		w.write("always/0.jpg", "photo always")
		files["always/0.jpg"] = "photo always"
		known := map[string]bool{}
		for range rapid.IntRange(1, 5).Draw(t, "runs") {
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				change(t, w, files)
			}
			before := calls.Load()
			r := w.ingest(nets, Options{Prune: true, Workers: rapid.IntRange(1, 4).Draw(t, "workers")})
			now, anew := contents(files), 0
			for c := range now {
				if !known[c] {
					anew++
				}
			}
			if ran := int(calls.Load() - before); ran != anew || r.Computed != anew {
				t.Fatalf("network ran %d times and %d vectors are reported, want %d: %+v", ran, r.Computed, anew, r)
			}
			known = now
			compareStore(t, db, files)
		}
	})
}

func contents(files map[string]string) map[string]bool {
	set := map[string]bool{}
	for _, c := range files {
		set[c] = true
	}
	return set
}

// change does one thing to the folder, and the same to the map.
func change(t *rapid.T, w *world, files map[string]string) {
	path := func(what string) string {
		return fmt.Sprintf("%s/%d.jpg", rapid.SampledFrom([]string{"a", "b"}).Draw(t, what+" label"), rapid.IntRange(0, 4).Draw(t, what+" number"))
	}
	p, q := path("first"), path("second")
	_, has := files[p]
	_, hasOther := files[q]
	switch rapid.SampledFrom([]string{"write", "remove", "rename", "touch", "swap"}).Draw(t, "change") {
	case "write":
		files[p] = fmt.Sprint("photo ", rapid.IntRange(0, 6).Draw(t, "content"))
		w.write(p, files[p])
	case "remove":
		if has {
			w.remove(p)
			delete(files, p)
		}
	case "rename":
		if has && p != q {
			w.rename(p, q)
			files[q] = files[p]
			delete(files, p)
		}
	case "touch":
		if has {
			w.touch(p)
		}
	case "swap":
		if has && hasOther && p != q {
			w.rename(p, "a/x.jpg")
			w.rename(q, p)
			w.rename("a/x.jpg", q)
			files[p], files[q] = files[q], files[p]
		}
	}
}

// compareStore wants the store to hold exactly the files given, each content
// placed by its labels.
func compareStore(t *rapid.T, db *store.DB, files map[string]string) {
	labels := map[split.Digest][]string{}
	got := 0
	must(t, db.View(func(tx *store.Tx) error {
		for image, err := range tx.Images(1) {
			must(t, err)
			got++
			if image.Digest != split.SumBytes([]byte(files[image.Path])) {
				t.Fatalf("%s: the store has another content", image.Path)
			}
			if image.Label != labelled(image.Path) {
				t.Fatalf("%s: label %q", image.Path, image.Label)
			}
			labels[image.Digest] = append(labels[image.Digest], image.Label)
		}
		for d, want := range labels {
			slices.Sort(want)
			have, err := tx.Labels(d)
			must(t, err)
			if want = slices.Compact(want); !slices.Equal(have, want) {
				t.Fatalf("%v: labels %v, want %v", d, have, want)
			}
		}
		return nil
	}))
	if got != len(files) {
		t.Fatalf("%d images in the store, want %d", got, len(files))
	}
	check, err := db.Check(t.Context(), nil)
	must(t, err)
	if len(check.Problems) > 0 {
		t.Fatalf("check: %v", check.Problems)
	}
}
