package ingest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fake network turns bytes into four numbers that follow from them, and counts
// how often it was asked. Bytes that begin with "bad" are no photo to it.
type fake struct {
	last  *string // what it saw last
	id    string
	calls *atomic.Int64
	pause time.Duration
}

const fakeDim = 4

var errBad = errors.New("damaged picture")

func (f fake) ExtractBytes(ctx context.Context, data []byte, dst []float32) error {
	f.calls.Add(1)
	time.Sleep(f.pause)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case bytes.HasPrefix(data, []byte("bad")):
		return errBad
	case bytes.HasPrefix(data, []byte("panic")):
		panic("a decoder's bug")
	}
	if f.last != nil {
		*f.last = string(data)
	}
	copy(dst, fakeVector(f.id, split.SumBytes(data)))
	return nil
}

// ExtractViews gives the vector of a plain photo, and for views another one.
func (f fake) ExtractViews(ctx context.Context, data []byte, views []photo.View, dst [][]float32) error {
	for i, v := range views {
		if err := f.ExtractBytes(ctx, data, dst[i]); err != nil {
			return err
		}
		if !v.Plain() {
			dst[i][0] = -1
		}
	}
	return nil
}

// Warning finds fault with photos that begin with "torn".
func (f fake) Warning() string {
	if f.last != nil && strings.HasPrefix(*f.last, "torn") {
		return "rows are missing"
	}
	return ""
}

func fakeVector(id string, d split.Digest) []float32 {
	return []float32{float32(len(id)), float32(d[0]), float32(d[1]), float32(d[2])}
}

func (f fake) network() network {
	return network{
		model: store.Model{ID: f.id, Name: "fake " + f.id, Tap: "four", Dim: fakeDim},
		open: func() (extractor, error) {
			own := f // each worker has one of its own
			own.last = new(string)
			return own, nil
		},
	}
}

func fakes(ids ...string) (networks []network, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	for _, id := range ids {
		networks = append(networks, fake{id: id, calls: calls}.network())
	}
	return networks, calls
}

// A world is a folder of photos and a store.
type world struct {
	t    fataler
	dir  string
	db   *store.DB
	time time.Time // given to the next file written
}

func newWorld(t *testing.T) *world {
	return &world{t: t, dir: storetest.Dir(t), db: storetest.Open(t), time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (w *world) path(rel string) string { return filepath.Join(w.dir, filepath.FromSlash(rel)) }

// write puts a file there, with a time of change of its own.
func (w *world) write(rel, content string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(rel)), 0o755))
	must(w.t, os.WriteFile(w.path(rel), []byte(content), 0o644))
	w.touch(rel)
}

func (w *world) touch(rel string) {
	w.t.Helper()
	w.time = w.time.Add(time.Second)
	must(w.t, os.Chtimes(w.path(rel), w.time, w.time))
}

func (w *world) rename(from, to string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(to)), 0o755))
	must(w.t, os.Rename(w.path(from), w.path(to)))
}

func (w *world) remove(rel string) {
	w.t.Helper()
	must(w.t, os.Remove(w.path(rel)))
}

func (w *world) ingest(networks []network, opt Options) Report {
	w.t.Helper()
	r, err := ingest(context.Background(), w.db, networks, w.dir, opt)
	must(w.t, err)
	w.agrees(r, networks)
	return r
}

// agrees holds the report against its own promise and the store against the
// report: every usable photo has its vector of every network.
func (w *world) agrees(r Report, networks []network) {
	w.t.Helper()
	sum := r.Unchanged + r.Touched + r.Changed + r.Relabelled + r.Renamed + r.New + r.Duplicates + r.Vanished + len(r.Failures) + len(r.NotPhotos)
	if sum != r.Found {
		w.t.Fatal("the report's counts do not add up to the files found:", sum, r)
	}
	must(w.t, w.db.View(func(tx *store.Tx) error {
		roots, err := tx.Roots()
		must(w.t, err)
		for _, root := range roots {
			for image, err := range tx.Images(root.ID) {
				must(w.t, err)
				for _, n := range networks {
					vec, err := tx.Vector(n.model.ID, image.Digest)
					if err != nil {
						w.t.Fatal(image.Path, "has no vector of", n.model.ID, err)
					}
					if want := fakeVector(n.model.ID, image.Digest); vec[1] != want[1] || vec[2] != want[2] {
						w.t.Fatal(image.Path, "has another's vector", vec, want)
					}
				}
			}
		}
		return nil
	}))
}
