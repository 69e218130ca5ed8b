package ingest

import (
	"context"
	"fmt"
	"testing"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
)

// viewCounts is what the store has of the views of a model.
func viewCounts(t *testing.T, w *world, id string) store.ViewStats {
	t.Helper()
	st, err := w.db.Stats()
	must(t, err)
	for _, m := range st.Models {
		if m.ID == id && m.ViewVectors != nil {
			return *m.ViewVectors
		}
	}
	return store.ViewStats{}
}

// training counts the photos of the training split.
func training(t *testing.T, w *world) int {
	t.Helper()
	ix, err := w.db.Index([]string{"a"}, split.Training)
	must(t, err)
	return ix.Len()
}

func manyPhotos(w *world, n int) {
	for i := range n {
		w.write(fmt.Sprintf("label%d/%02d.jpg", i%2, i), fmt.Sprint("photo ", i))
	}
}

func TestViewsAreComputedOnce(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("a", "bb")
	manyPhotos(w, 40)
	views := &Views{Count: 3, Augment: photo.Augment{Flip: true, Crop: 10}}
	r := w.ingest(nets, Options{Views: views})
	n := training(t, w)
	if n == 40 || r.Views != 2*3*n || r.Computed != 80 || int(calls.Load()) != 80+2*3*n {
		t.Fatalf("%d views of %d photos, %d vectors, %d calls", r.Views, n, r.Computed, calls.Load())
	}
	for _, id := range []string{"a", "bb"} {
		if v := viewCounts(t, w, id); v.Vectors != 3*n || v.Missing != 0 || v.Elsewhere != 0 {
			t.Errorf("%s: %+v", id, v)
		}
	}
	// The same again, with and without saying so.
	for _, opt := range []Options{{Views: views}, {}} {
		if r := w.ingest(nets, opt); r.Views != 0 || r.Computed != 0 || r.Read != 0 {
			t.Errorf("computed again: %d views, %d vectors, %d read", r.Views, r.Computed, r.Read)
		}
	}
	// More of them: those before stay. Fewer: no work.
	if r := w.ingest(nets, Options{Views: &Views{Count: 4, Augment: views.Augment}}); r.Views != 2*n || r.ViewsRemoved != 0 || r.Computed != 0 {
		t.Errorf("a fourth view: %d computed, %d removed", r.Views, r.ViewsRemoved)
	}
	if r := w.ingest(nets, Options{Views: &Views{Count: 1, Augment: views.Augment}}); r.Views != 0 || r.ViewsRemoved != 2*3*n {
		t.Errorf("one view: %d computed, %d removed", r.Views, r.ViewsRemoved)
	}
	// Others instead, and then none.
	if r := w.ingest(nets, Options{Views: &Views{Count: 1, Augment: photo.Augment{Crop: 20}}}); r.Views != 2*n || r.ViewsRemoved != 2*n {
		t.Errorf("other views: %d computed, %d removed", r.Views, r.ViewsRemoved)
	}
	if r := w.ingest(nets, Options{Views: &Views{}}); r.Views != 0 || r.ViewsRemoved != 2*n {
		t.Errorf("no views: %d computed, %d removed", r.Views, r.ViewsRemoved)
	}
	if v := viewCounts(t, w, "a"); v.Count != 0 {
		t.Errorf("there still are %+v", v)
	}
}

// TestViewsFollowSplits: photos that come into the training split get theirs, others
// keep what they have.
func TestViewsFollowSplits(t *testing.T) {
	w := newWorld(t)
	nets, _ := fakes("a")
	manyPhotos(w, 40)
	w.ingest(nets, Options{Views: &Views{Count: 2, Augment: photo.Augment{Flip: true}}})
	before := training(t, w)
	if _, err := w.db.Resplit(context.Background(), split.Policy{Validation: 40, Testing: 20, Salt: "x"}, nil); err != nil {
		t.Fatal(err)
	}
	v := viewCounts(t, w, "a")
	n := training(t, w)
	if v.Vectors+v.Elsewhere != 2*before || v.Missing != 2*n-v.Vectors || v.Missing == 0 || v.Elsewhere == 0 {
		t.Fatalf("%+v of %d training photos, before %d", v, n, before)
	}
	if r := w.ingest(nets, Options{}); r.Views != v.Missing || r.Computed != 0 || r.Read != v.Missing/2 {
		t.Errorf("%d views computed, want %d; %d read", r.Views, v.Missing, r.Read)
	}
	if v := viewCounts(t, w, "a"); v.Missing != 0 {
		t.Errorf("%+v", v)
	}
}

// TestViewsOfFilesThatMove: nothing is computed for bytes that are known.
func TestViewsOfFilesThatMove(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("a")
	manyPhotos(w, 20)
	w.ingest(nets, Options{Views: &Views{Count: 2, Augment: photo.Augment{Flip: true}}})
	before := calls.Load()
	w.rename("label0/00.jpg", "label0/new.jpg")
	w.rename("label0/02.jpg", "label1/02.jpg")
	a, b := "photo 4", "photo 6" // swapped
	w.write("label0/04.jpg", b)
	w.write("label0/06.jpg", a)
	if r := w.ingest(nets, Options{}); r.Views != 0 || calls.Load() != before {
		t.Errorf("%d views computed anew, %d calls", r.Views, calls.Load()-before)
	}
	if v := viewCounts(t, w, "a"); v.Missing != 0 || v.Vectors != 2*training(t, w) {
		t.Errorf("%+v", v)
	}
}

// TestViewsGoOn where an interrupted run left them.
func TestViewsGoOn(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("a")
	manyPhotos(w, 30)
	ctx, cancel := context.WithCancel(context.Background())
	p := new(Progress)
	go func() {
		for p.Done.Load() < 5 && ctx.Err() == nil {
		}
		cancel()
	}()
	slow, _ := fakes("a")
	slow[0] = fake{id: "a", calls: calls, pause: 1e6}.network()
	_, err := ingest(ctx, w.db, slow, w.dir, Options{Workers: 1, Progress: p, Views: &Views{Count: 3, Augment: photo.Augment{Flip: true}}})
	if err == nil {
		t.Fatal("it was not interrupted")
	}
	w.ingest(nets, Options{})
	if v := viewCounts(t, w, "a"); v.Missing != 0 || v.Vectors != 3*training(t, w) {
		t.Errorf("%+v", v)
	}
}
