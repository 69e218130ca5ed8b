package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"featstore/store"
)

// counts compares what a run says it did; everything not named must be zero.
func counts(t *testing.T, what string, got, want Report) {
	t.Helper()
	ignore := cmpopts.IgnoreFields(Report{}, "Root", "Found", "ReadBytes", "Models", "Labels", "Labelling", "Seconds")
	if d := cmp.Diff(want, got, ignore, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func threePhotos(w *world) {
	w.write("daisy/1.jpg", "photo one")
	w.write("daisy/2.jpg", "photo two")
	w.write("rose/3.jpg", "photo three")
}

func TestSecondRunComputesNothing(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	threePhotos(w)
	counts(t, "first run", w.ingest(nets, Options{}), Report{New: 3, Read: 3, Computed: 3})
	r := w.ingest(nets, Options{})
	counts(t, "second run", r, Report{Unchanged: 3})
	if calls.Load() != 3 {
		t.Errorf("the network ran %d times, want 3", calls.Load())
	}
	want := []LabelCount{{"daisy", 2}, {"rose", 1}}
	if !slices.Equal(r.Labels, want) {
		t.Errorf("labels %v, want %v", r.Labels, want)
	}
}

// Each change alone, after a first run over three photos.
func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*world)
		opt    Options
		want   Report
	}{
		{"touched", func(w *world) { w.touch("daisy/1.jpg") }, Options{}, Report{Unchanged: 2, Touched: 1, Read: 1}},
		{"renamed", func(w *world) { w.rename("daisy/1.jpg", "daisy/deep/9.jpg") }, Options{}, Report{Unchanged: 2, Renamed: 1, Read: 1}},
		{"moved to another label", func(w *world) { w.rename("daisy/1.jpg", "rose/1.jpg") }, Options{}, Report{Unchanged: 2, Relabelled: 1, Read: 1}},
		{"edited", func(w *world) { w.write("daisy/1.jpg", "photo edited") }, Options{}, Report{Unchanged: 2, Changed: 1, Read: 1, Computed: 1}},
		{"edited, time kept", func(w *world) {
			old, err := os.Stat(w.path("daisy/1.jpg"))
			must(w.t, err)
			w.write("daisy/1.jpg", "photo edited")
			must(w.t, os.Chtimes(w.path("daisy/1.jpg"), old.ModTime(), old.ModTime()))
		}, Options{}, Report{Unchanged: 2, Changed: 1, Read: 1, Computed: 1}},
		{"deleted", func(w *world) { w.remove("daisy/1.jpg") }, Options{}, Report{Unchanged: 2, Gone: 1}},
		{"deleted and pruned", func(w *world) { w.remove("daisy/1.jpg") }, Options{Prune: true}, Report{Unchanged: 2, Pruned: 1}},
		{"new", func(w *world) { w.write("lily/4.jpg", "photo four") }, Options{}, Report{Unchanged: 3, New: 1, Read: 1, Computed: 1}},
		{"copied", func(w *world) { w.write("daisy/4.jpg", "photo one") }, Options{}, Report{Unchanged: 3, Duplicates: 1, Read: 1}},
		{"swapped", func(w *world) {
			w.rename("daisy/1.jpg", "tmp/x")
			w.rename("rose/3.jpg", "daisy/1.jpg")
			w.rename("tmp/x", "rose/3.jpg")
			w.touch("daisy/1.jpg")
			w.touch("rose/3.jpg")
			w.remove("tmp")
		}, Options{}, Report{Unchanged: 1, Changed: 2, Read: 2}},
		{"label folder renamed", func(w *world) { w.rename("daisy", "Bellis") }, Options{}, Report{Unchanged: 1, Relabelled: 2, Read: 2}},
		{"became another kind of file", func(w *world) { w.write("daisy/1.jpg", "bad") }, Options{},
			Report{Unchanged: 2, Read: 1, Failures: []Failure{{Problem{"daisy/1.jpg", errBad.Error()}, false}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			nets, _ := fakes("m")
			threePhotos(w)
			w.ingest(nets, Options{})
			c.change(w)
			counts(t, "after the change", w.ingest(nets, c.opt), c.want)
			again := w.ingest(nets, Options{})
			if again.Read != 0 || again.Computed != 0 {
				t.Errorf("the run after that read %d files and computed %d vectors, want none", again.Read, again.Computed)
			}
		})
	}
}

func TestRenumberedFilesAreNotComputedAgain(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	const n = 600 // more than one transaction
	for i := range n {
		w.write(fmt.Sprintf("a/%04d.jpg", i), fmt.Sprint("photo ", i))
	}
	w.ingest(nets, Options{})
	for i := n - 1; i >= 0; i-- {
		w.rename(fmt.Sprintf("a/%04d.jpg", i), fmt.Sprintf("a/%04d.jpg", i+1))
	}
	w.write("a/0000.jpg", "photo put before all others")
	counts(t, "renumbered", w.ingest(nets, Options{}), Report{Changed: n, Duplicates: 1, Read: n + 1, Computed: 1})
	if calls.Load() != n+1 {
		t.Errorf("the network ran %d times, want %d", calls.Load(), n+1)
	}
}

func TestSecondNetworkComputesItsOwnVectorsOnly(t *testing.T) {
	w := newWorld(t)
	threePhotos(w)
	one, _ := fakes("m")
	w.ingest(one, Options{})
	both, calls := fakes("m", "other")
	r := w.ingest(both, Options{})
	counts(t, "with a second network", r, Report{Unchanged: 3, Read: 3, Computed: 3})
	if calls.Load() != 3 || r.Models[0].Computed != 0 || r.Models[1].Computed != 3 {
		t.Errorf("ran %d times, %v; want 3, all by the second", calls.Load(), r.Models)
	}
	counts(t, "once more", w.ingest(both, Options{}), Report{Unchanged: 3})
}

// A network that is not part of the run keeps its vectors when files trade places.
func TestChangesKeepOtherNetworksVectors(t *testing.T) {
	w := newWorld(t)
	threePhotos(w)
	both, _ := fakes("m", "other")
	w.ingest(both, Options{})
	w.rename("daisy/1.jpg", "x")
	w.rename("rose/3.jpg", "daisy/1.jpg")
	w.rename("x", "rose/3.jpg")
	one, _ := fakes("m")
	w.ingest(one, Options{})
	counts(t, "both again", w.ingest(both, Options{}), Report{Unchanged: 3})
}

func TestFailuresAreRecordedAndTriedAgainWhenDue(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	w.write("daisy/1.jpg", "photo one")
	w.write("daisy/2.jpg", "bad")
	w.write("rose/3.jpg", "panic")
	must(t, os.Symlink("nowhere.jpg", w.path("rose/link.jpg")))
	r := w.ingest(nets, Options{})
	if len(r.Failures) != 3 || r.Failures[0].Path != "daisy/2.jpg" || !strings.Contains(r.Failures[1].Reason, "a decoder's bug") || r.New != 1 {
		t.Fatalf("first run: %+v", r)
	}
	calls.Store(0)
	r = w.ingest(nets, Options{})
	if calls.Load() != 0 || len(r.Failures) != 3 || !r.Failures[0].Before {
		t.Errorf("second run tried %d again: %+v", calls.Load(), r.Failures)
	}
	r = w.ingest(nets, Options{Retry: true})
	if calls.Load() != 2 || len(r.Failures) != 3 || r.Failures[0].Before {
		t.Errorf("asked to retry, it tried %d: %+v", calls.Load(), r.Failures)
	}
	w.write("daisy/2.jpg", "photo mended")
	w.remove("rose/link.jpg")
	r = w.ingest(nets, Options{})
	if len(r.Failures) != 1 || r.New != 1 {
		t.Errorf("mended: %+v", r)
	}
}

func TestCopiesAmongNewFilesAreComputedOnce(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	for i := range 40 {
		w.write(fmt.Sprintf("a/%d.jpg", i), fmt.Sprint("photo ", i%5))
		w.write(fmt.Sprintf("b/%d.jpg", i), "bad for all")
	}
	r := w.ingest(nets, Options{Workers: 8})
	if calls.Load() != 6 || r.New != 5 || r.Duplicates != 35 || len(r.Failures) != 40 {
		t.Errorf("the network ran %d times, want 6: %d new, %d duplicates, %d failures", calls.Load(), r.New, r.Duplicates, len(r.Failures))
	}
}

func TestSameBytesUnderTwoLabelsAreInDispute(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	threePhotos(w)
	w.write("rose/copy.jpg", "photo one")
	r := w.ingest(nets, Options{})
	if len(r.Disputed) != 1 || !slices.Equal(r.Disputed[0].Paths, []string{"daisy/1.jpg", "rose/copy.jpg"}) ||
		!slices.Equal(r.Disputed[0].Labels, []string{"daisy", "rose"}) {
		t.Fatalf("disputed: %+v", r.Disputed)
	}
	usable := func() (n int) {
		stats, err := w.db.Stats()
		must(t, err)
		for _, l := range stats.Labels {
			for _, c := range l.Splits {
				n += c
			}
		}
		return n
	}
	if usable() != 2 {
		t.Errorf("%d images are usable while one is in dispute, want 2", usable())
	}
	w.remove("rose/copy.jpg")
	r = w.ingest(nets, Options{Prune: true})
	if len(r.Disputed) != 0 || usable() != 3 || calls.Load() != 3 {
		t.Errorf("resolved: %+v, %d usable, network ran %d times", r.Disputed, usable(), calls.Load())
	}
}

func TestOtherFilesAreNamed(t *testing.T) {
	w := newWorld(t)
	nets, _ := fakes("m")
	threePhotos(w)
	w.write("daisy/notes.txt", "these are notes")
	w.write("daisy/png-without-name", "\x89PNG\r\n\x1a\nphoto")
	w.write("top.jpg", "photo without a label")
	must(t, os.Mkdir(w.path("empty"), 0o755))
	r := w.ingest(nets, Options{})
	counts(t, "others", r, Report{New: 4, Read: 4, Computed: 4, NotPhotos: []string{"daisy/notes.txt"}, Unlabelled: []string{"top.jpg"},
		EmptyLabels: []string{"empty"}})
	w.write("daisy/png-without-name", "now these are notes")
	counts(t, "a photo that became another file", w.ingest(nets, Options{}),
		Report{Unchanged: 3, NotPhotos: []string{"daisy/notes.txt", "daisy/png-without-name"}, Unlabelled: []string{"top.jpg"}, EmptyLabels: []string{"empty"}})
	if stats, err := w.db.Stats(); err != nil || stats.Images != 3 {
		t.Errorf("%d images, want 3 (%v)", stats.Images, err)
	}
}

func TestFoldersThatGiveNothing(t *testing.T) {
	nets, _ := fakes("m")
	w := newWorld(t)
	if _, err := ingest(context.Background(), w.db, nets, w.dir, Options{}); !errors.Is(err, ErrNoPhotos) {
		t.Errorf("empty folder: %v", err)
	}
	w.write("1.jpg", "photo")
	if _, err := ingest(context.Background(), w.db, nets, w.dir, Options{}); !errors.Is(err, ErrNoLabels) {
		t.Errorf("no label folders: %v", err)
	}
	stats, err := w.db.Stats()
	must(t, err)
	if len(stats.Roots) != 0 || len(stats.Models) != 0 {
		t.Errorf("folders that gave nothing left their mark: %+v", stats)
	}
}

func TestMovedFolderKeepsItsImages(t *testing.T) {
	w := newWorld(t)
	nets, calls := fakes("m")
	threePhotos(w)
	r := w.ingest(nets, Options{})
	old := r.Root
	moved := filepath.Join(filepath.Dir(w.dir), "elsewhere")
	must(t, os.Rename(w.dir, moved))
	t.Cleanup(func() { os.RemoveAll(moved) })
	w.dir = moved
	r = w.ingest(nets, Options{})
	counts(t, "moved", r, Report{Unchanged: 3, MovedFrom: old})
	stats, err := w.db.Stats()
	must(t, err)
	if len(stats.Roots) != 1 || calls.Load() != 3 {
		t.Errorf("%d folders, network ran %d times; want 1 and 3", len(stats.Roots), calls.Load())
	}
}

func TestTwoFoldersShareTheirVectors(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	b.db = a.db
	nets, calls := fakes("m")
	threePhotos(a)
	threePhotos(b)
	a.ingest(nets, Options{})
	counts(t, "second folder", b.ingest(nets, Options{}), Report{Duplicates: 3, Read: 3})
	if calls.Load() != 3 {
		t.Errorf("the network ran %d times, want 3", calls.Load())
	}
	inner := *a
	inner.dir = a.path("daisy")
	inner.write("petals/4.jpg", "photo four")
	if _, err := ingest(context.Background(), a.db, nets, inner.dir, Options{}); !errors.Is(err, ErrOverlap) {
		t.Errorf("a folder inside another: %v", err)
	}
}

// A photo that is damaged but readable is used, and named when it is computed.
func TestDamagedPhotosAreNamed(t *testing.T) {
	w := newWorld(t)
	nets, _ := fakes("m")
	threePhotos(w)
	w.write("rose/torn.jpg", "torn photo")
	r := w.ingest(nets, Options{})
	if want := []Problem{{"rose/torn.jpg", "rows are missing"}}; r.New != 4 || !slices.Equal(r.Damaged, want) {
		t.Errorf("%d new, damaged %v; want 4, %v", r.New, r.Damaged, want)
	}
	w.remove("daisy/1.jpg")
	r = w.ingest(nets, Options{})
	if want := []LabelCount{{"daisy", 1}, {"rose", 2}}; !slices.Equal(r.Labels, want) || len(r.Damaged) != 0 {
		t.Errorf("with one gone: labels %v, damaged %v; want %v and none", r.Labels, r.Damaged, want)
	}
}

func TestFileTooLarge(t *testing.T) {
	w := newWorld(t)
	nets, _ := fakes("m")
	threePhotos(w)
	r := w.ingest(nets, Options{MaxBytes: 9})
	if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Reason, "11 bytes, more than the 9") {
		t.Errorf("failures: %v", r.Failures)
	}
}

// What was done before an interruption is kept, and the next run does the rest.
func TestInterruption(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.write(fmt.Sprintf("a/%d.jpg", i), fmt.Sprint("photo ", i))
	}
	var calls atomic.Int64
	slow := []network{fake{id: "m", calls: &calls, pause: 2 * time.Millisecond}.network()}
	ctx, cancel := context.WithCancel(context.Background())
	progress := new(Progress)
	go func() {
		for progress.Done.Load() < 10 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	r, err := ingest(ctx, w.db, slow, w.dir, Options{Workers: 2, Progress: progress})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if r.New < 10 || r.New >= 60 {
		t.Errorf("%d photos are reported as kept, want some but not all", r.New)
	}
	rest := w.ingest(slow, Options{})
	counts(t, "the rest", rest, Report{Unchanged: r.New, New: 60 - r.New, Read: 60 - r.New, Computed: 60 - r.New})
}

// An error of the network itself ends the run; nothing is recorded against photos.
func TestNetworkThatCannotBeOpened(t *testing.T) {
	w := newWorld(t)
	threePhotos(w)
	broken := []network{{model: store.Model{ID: "m", Name: "broken", Tap: "x", Dim: 1},
		open: func() (extractor, error) { return nil, errors.New("weights missing") }}}
	_, err := ingest(context.Background(), w.db, broken, w.dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "prepare network broken: weights missing") {
		t.Errorf("got %v", err)
	}
	if stats, err := w.db.Stats(); err != nil || stats.Failures != 0 {
		t.Errorf("%d failures recorded, want none (%v)", stats.Failures, err)
	}
}
