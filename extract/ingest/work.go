package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
)

// each lets the workers process tasks, in their order.
func (r *run) each(ctx context.Context, tasks []task) error {
	inOrderOfEntries(tasks, func(t task) file { return t.file })
	return r.parallel(ctx, len(tasks), func(i int) file { return tasks[i].file }, func(ctx context.Context, w *worker, i int, got reading) error {
		defer r.opt.Progress.Done.Add(1)
		return w.look(ctx, tasks[i], got)
	})
}

// A reading is what became of reading a file.
type reading struct {
	data []byte // belongs to the worker
	file        // with the size and time that go with the data
	err  error
}

// parallel reads the files 0 … n-1 and calls do with what it got, with a worker for each
// goroutine. Entries of archives that give them only in their order are read in the
// order of the files, one after another.
func (r *run) parallel(ctx context.Context, n int, of func(int) file, do func(context.Context, *worker, int, reading) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var turn sync.Mutex
	next := 0
	take := func(w *worker) (i int, got reading) {
		turn.Lock()
		defer turn.Unlock()
		i = next
		if next++; i < n {
			if f := of(i); f.in != nil && f.in.Sequential() {
				return i, w.readFile(f)
			}
		}
		return i, reading{}
	}
	for range min(r.opt.Workers, n) {
		group.Go(func() error {
			w := &worker{run: r, open: make([]extractor, len(r.networks))}
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				i, got := take(w)
				if i >= n {
					return nil
				}
				if got.file.path == "" {
					got = w.readFile(of(i))
				}
				if err := do(ctx, w, i, got); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// readFile reads a file into the worker's buffer.
func (w *worker) readFile(f file) reading {
	data, f, err := w.read(f, w.buf)
	w.buf = reusable(data)
	return reading{data, f, err}
}

// inOrderOfEntries puts what is to be read from an archive into the archive's order, if that is
// how it is read fast.
func inOrderOfEntries[T any](tasks []T, of func(T) file) {
	slices.SortStableFunc(tasks, func(x, y T) int {
		a, b := of(x), of(y)
		if a.in == nil || a.in != b.in || !a.in.Sequential() {
			return strings.Compare(a.path, b.path)
		}
		return cmp.Compare(a.entry, b.entry)
	})
}

// A worker is one goroutine's memory: the file it reads, and an extractor for
// each network once it was needed.
type worker struct {
	*run
	buf  []byte
	open []extractor
}

// look computes what is missing of a file and hands it to the writer. It returns only
// errors that must end the run.
func (w *worker) look(ctx context.Context, t task, got reading) error {
	data, err := got.data, got.err
	t.file = got.file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.report.update(func() { w.report.Vanished++ })
		return nil
	case errors.Is(err, errNotPhoto):
		return w.notPhoto(t)
	case err != nil:
		return w.fail(t, err)
	}
	d := split.SumBytes(data)
	w.report.read(len(data))
	claim, first := w.claims.hold(d)
	if !first {
		if claim.err != nil {
			return w.failOrStop(ctx, t, claim.err)
		}
		return w.put(t, outcome{digest: d, known: true})
	}
	out, err := w.vectorsOf(ctx, d, data)
	if err == nil {
		if err = w.put(t, out); err == nil {
			w.suspectPixels(ctx, t.path, data)
		}
	}
	claim.settle(err)
	if err != nil {
		return w.failOrStop(ctx, t, err)
	}
	return nil
}

// An outcome is the result of processing a photo.
type outcome struct {
	digest   split.Digest
	known    bool     // some image in the store has these bytes
	vectors           // to put
	computed []string // ids of the models whose vectors are new
	newViews int      // vectors of views that are new
	warning  string   // how the photo's file is damaged, though it could be read
}

// vectors are what networks computed from a photo.
type vectors struct {
	plain map[string][]float32         // by model id
	views map[string]map[int][]float32 // by model id and number of the view
}

func newVectors() vectors {
	return vectors{plain: map[string][]float32{}, views: map[string]map[int][]float32{}}
}

// add notes a vector of a view; 0 is the plain photo.
func (v *vectors) add(model string, view int, vec []float32) {
	if view == 0 {
		v.plain[model] = vec
		return
	}
	if v.views[model] == nil {
		v.views[model] = map[int][]float32{}
	}
	v.views[model][view] = vec
}

// vectorsOf computes what the networks have not computed before.
func (w *worker) vectorsOf(ctx context.Context, d split.Digest, data []byte) (outcome, error) {
	out := outcome{digest: d, vectors: newVectors()}
	missing := make([][]int, len(w.networks))
	err := w.db.View(func(tx *store.Tx) error {
		at, _, err := tx.Locations(d)
		out.known = len(at) > 0
		for i := range w.networks {
			if err == nil {
				missing[i], err = w.missing(tx, i, d)
			}
		}
		return err
	})
	if err != nil {
		return out, fatal{fmt.Errorf("look up %s in the store: %w", d.Short(), err)}
	}
	for id, vec := range w.carried[d].plain {
		out.add(id, 0, vec)
	}
	for id, views := range w.carried[d].views {
		for number, vec := range views {
			out.add(id, number, vec)
		}
	}
	for i, n := range w.networks {
		if err := w.compute(ctx, i, data, &out, out.lacking(n.model.ID, missing[i])); err != nil {
			return out, err
		}
	}
	return out, nil
}

// missing returns the views that the store lacks of the i-th network, the plain photo
// first, which is 0.
func (w *worker) missing(tx *store.Tx, i int, d split.Digest) ([]int, error) {
	has, err := tx.HasVector(w.networks[i].model.ID, d)
	if err != nil {
		return nil, err
	}
	views, err := w.missingViews(tx, i, d)
	if !has {
		views = append([]int{0}, views...)
	}
	return views, err
}

// lacking returns those of the views whose vectors are not there.
func (v *vectors) lacking(model string, views []int) []int {
	return slices.DeleteFunc(views, func(number int) bool {
		vec := v.plain[model]
		if number > 0 {
			vec = v.views[model][number]
		}
		return vec != nil
	})
}

// compute adds the vectors of views by the i-th network.
func (w *worker) compute(ctx context.Context, i int, data []byte, out *outcome, views []int) error {
	if len(views) == 0 {
		return nil
	}
	vecs, err := w.extract(ctx, i, data, out.digest, views)
	if err != nil {
		return err
	}
	id := w.networks[i].model.ID
	for k, number := range views {
		out.add(id, number, vecs[k])
		if number == 0 {
			out.computed = append(out.computed, id)
		} else {
			out.newViews++
		}
	}
	out.warning = w.open[i].Warning()
	w.opt.Progress.Computed.Add(int64(len(views)))
	return nil
}

// extract runs the i-th network on views of a photo. A photo that makes a decoder panic
// shows a bug that should be reported, but must not end the run for all others.
func (w *worker) extract(ctx context.Context, i int, data []byte, d split.Digest, numbers []int) (vecs [][]float32, err error) {
	if w.open[i] == nil {
		if w.open[i], err = w.networks[i].open(); err != nil {
			return nil, fatal{fmt.Errorf("prepare network %s: %w", w.networks[i].model.Name, err)}
		}
	}
	defer func() {
		if p := recover(); p != nil {
			w.open[i] = nil // its memory may be in any state
			err = fmt.Errorf("internal error, please report it with this file: %v", p)
		}
	}()
	var views []photo.View
	for _, number := range numbers {
		vecs = append(vecs, make([]float32, w.networks[i].model.Dim))
		if number == 0 {
			views = append(views, photo.View{})
		} else {
			views = append(views, w.augment[i].View(d, uint64(number)))
		}
	}
	if len(views) == 1 && views[0].Plain() {
		return vecs, w.open[i].ExtractBytes(ctx, data, vecs[0])
	}
	return vecs, w.open[i].ExtractViews(ctx, data, views, vecs)
}

// A fatal error ends the run: it is not the photo's fault.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// failOrStop records why a photo could not be used, unless the error has other
// reasons than the photo.
func (w *worker) failOrStop(ctx context.Context, t task, err error) error {
	var f fatal
	if errors.As(err, &f) {
		return f.error
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return w.fail(t, err)
}
