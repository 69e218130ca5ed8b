package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

var drawings = sync.OnceValues(func() (Photos, error) { return Draw(context.Background()) })

// small returns options that measure the embedded network at 64×64, in no time.
func small(t *testing.T) Options {
	t.Helper()
	n, err := extract.Default(64)
	if err != nil {
		t.Fatal(err)
	}
	p, err := drawings()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Network: n, Photos: Photos{p.From, slices.Clone(p.Files)}, Budget: time.Millisecond}
}

// figures returns the measured fields of a result, by name.
func figures(t *testing.T, r *Result) map[string]float64 {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for name, v := range all {
		if strings.HasSuffix(name, "_ms") || strings.HasSuffix(name, "_us") || strings.HasSuffix(name, "_per_s") {
			got[name] = v.(float64)
		}
	}
	return got
}

// temporary makes temporary folders lie where the test sees what is left of them.
func temporary(t *testing.T) (left func() int) {
	dir := storetest.Dir(t)
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	return func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
}

func TestRunMeasuresEverything(t *testing.T) {
	left := temporary(t)
	opt := small(t)
	var told []string
	opt.Progress = func(what string, done, total int) { told = append(told, what) }
	r, err := Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	got := figures(t, r)
	for _, name := range []string{
		"decode_ms", "resize_ms", "network_latency_ms", "network_core_ms", "network_stream_ms",
		"store_put_us", "store_read_us", "train_step_us", "ingest_images_per_s",
	} {
		if !(got[name] > 0) {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if r.Width != 64 || r.Dim != 1280 || r.Kernels == "" || r.Cores < 1 || r.PhotoWidth != drawnWidth || r.PhotoHeight != drawnHeight || r.IngestPhotos < 2 {
		t.Errorf("what was run is described as %+v", r)
	}
	if len(told) != len(measurements)-1+2 { // all but fine-tuning
		t.Errorf("progress told %q", told)
	}
	if n := left(); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
}

func TestStepsAreChosen(t *testing.T) {
	opt := small(t)
	opt.Steps = []string{StepStore, StepResize}
	r, err := Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if got := figures(t, r); len(got) != 3 || got["resize_ms"] == 0 || got["store_put_us"] == 0 || got["store_read_us"] == 0 {
		t.Errorf("measured %v, want resizing and two of the store", got)
	}
	opt.Steps = []string{"resise"}
	if _, err := Run(context.Background(), opt); !errors.Is(err, ErrStep) {
		t.Errorf("a step that does not exist: %v", err)
	}
}

// Fine-tuning is measured when asked for, above the cut that is asked for.
func TestFinetuneIsMeasured(t *testing.T) {
	for from, want := range map[string]string{"": "block10.add", "90%": "block15.project", "block13.add": "block13.add"} {
		opt := small(t)
		opt.Steps, opt.From, opt.Batch = []string{StepFinetune}, from, 4
		r, err := Run(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		if got := figures(t, r); len(got) != 1 || got["finetune_ms"] <= 0 || r.FinetuneFrom != want || r.FinetuneBatch != 4 {
			t.Errorf("from %q: %v from %s, batch %d", from, got, r.FinetuneFrom, r.FinetuneBatch)
		}
	}
	opt := small(t)
	opt.Steps, opt.From = []string{StepFinetune}, "nonesuch"
	if _, err := Run(t.Context(), opt); !errors.Is(err, extract.ErrCut) {
		t.Errorf("a cut that is none: %v", err)
	}
}

// Whatever is interrupted says so and leaves nothing behind.
func TestInterrupted(t *testing.T) {
	left := temporary(t)
	for _, step := range Steps {
		opt := small(t)
		opt.Steps = []string{step}
		ctx, cancel := context.WithCancel(context.Background())
		opt.Progress = func(what string, _, _ int) {
			if what != "preparing" {
				cancel()
			}
		}
		if _, err := Run(ctx, opt); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at %s: %v", step, err)
		}
		if n := left(); n != 0 {
			t.Fatalf("interrupted at %s: %d temporary files are left", step, n)
		}
	}
}

func TestPhotosThatCannotBeUsed(t *testing.T) {
	opt := small(t)
	opt.Steps = []string{StepDecode}
	good := opt.Photos.Files[0]
	opt.Photos.Files = [][]byte{[]byte("text"), good, good[:20]}
	r, err := Run(context.Background(), opt)
	if err != nil || r.PhotoCount != 1 || r.Unusable != 2 {
		t.Errorf("one good photo among three: %+v, %v", r, err)
	}
	opt.Photos.Files = [][]byte{[]byte("text")}
	if _, err := Run(context.Background(), opt); !errors.Is(err, errNoPhotos) || !errors.Is(err, photo.ErrUnsupportedFormat) {
		t.Errorf("no good photo: %v", err)
	}
}

// A comment makes a file of other bytes and the same pixels.
func TestCommented(t *testing.T) {
	opt := small(t)
	p := opt.Network.Info().Preprocess
	pixels := func(data []byte) []float32 {
		out := make([]float32, p.Len())
		if err := p.Pixels(out, data, photo.Limits{}, nil); err != nil {
			t.Fatal(err)
		}
		return out
	}
	data := opt.Photos.Files[0]
	before := bytes.Clone(data)
	one, two := commented(data, 1), commented(data, 2)
	if !bytes.Equal(data, before) || bytes.Equal(one, data) || bytes.Equal(one, two) {
		t.Error("the files are not three different ones")
	}
	if want := pixels(data); !slices.Equal(pixels(one), want) || !slices.Equal(pixels(two), want) {
		t.Error("the comment changes pixels")
	}
}

// What is measured must be a store as ingest leaves it.
func TestFilledStoreIsInOrder(t *testing.T) {
	opt := small(t)
	b := &bench{Options: opt, dir: storetest.Dir(t)}
	if err := b.describe(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // made, then found
		db, err := b.filled(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ix, err := db.Index([]string{b.result.ModelID}, split.Training)
		if err != nil {
			t.Fatal(err)
		}
		if n := ix.Len(); n < mostVectors*3/4 || n > mostVectors*17/20 || len(ix.Labels) != labels {
			t.Errorf("%d vectors under %d labels to train on", n, len(ix.Labels))
		}
		storetest.CheckAtEnd(t, db)
		path := db.Path()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		storetest.CheckFile(t, path)
	}
}

func TestFillReportsErrors(t *testing.T) {
	b := &bench{Options: small(t), dir: storetest.Dir(t)}
	if err := b.describe(); err != nil {
		t.Fatal(err)
	}
	db, err := b.newStore("s.db")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := fill(ctx, db, b.entries()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	e := b.entries()[:1]
	e[0].Path = ""
	if _, err := fill(context.Background(), db, e); err == nil {
		t.Error("an entry that cannot be stored went unnoticed")
	}
	path := db.Path()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.CheckFile(t, path)
	if _, err := b.newStore("no/such/folder/s.db"); err == nil || errors.Is(err, store.ErrClosed) {
		t.Errorf("a store in no folder: %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		took []time.Duration
		want time.Duration
	}{{[]time.Duration{5}, 5}, {[]time.Duration{9, 1, 4}, 4}, {[]time.Duration{8, 2, 100, 4}, 6}} {
		if got := median(c.took); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.took, got, c.want)
		}
	}
}
