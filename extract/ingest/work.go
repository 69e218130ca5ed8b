package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/split"
	"featstore/store"
)

// each lets the workers process tasks, in their order.
func (r *run) each(ctx context.Context, tasks []task) error {
	return r.parallel(ctx, len(tasks), func(ctx context.Context, w *worker, i int) error {
		defer r.opt.Progress.Done.Add(1)
		return w.look(ctx, tasks[i])
	})
}

// parallel calls do for 0 … n-1, with a worker for each goroutine.
func (r *run) parallel(ctx context.Context, n int, do func(context.Context, *worker, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(r.opt.Workers, n) {
		group.Go(func() error {
			w := &worker{run: r, open: make([]extractor, len(r.networks))}
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := do(ctx, w, i); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// A worker is one goroutine's memory: the file it reads, and an extractor for
// each network once it was needed.
type worker struct {
	*run
	buf  []byte
	open []extractor
}

// look reads a file, computes what is missing and hands it to the writer. It returns
// only errors that must end the run.
func (w *worker) look(ctx context.Context, t task) error {
	data, f, err := w.read(t.file, w.buf)
	w.buf = reusable(data)
	t.file = f
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
	out, err := w.vectors(ctx, d, data)
	if err == nil {
		err = w.put(t, out)
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
	known    bool                 // some image in the store has these bytes
	vectors  map[string][]float32 // to put, by model id
	computed []string             // ids of the models whose vectors are new
	warning  string               // how the photo's file is damaged, though it could be read
}

// vectors computes what the networks have not computed before.
func (w *worker) vectors(ctx context.Context, d split.Digest, data []byte) (outcome, error) {
	out := outcome{digest: d, vectors: map[string][]float32{}}
	has := make([]bool, len(w.networks))
	err := w.db.View(func(tx *store.Tx) error {
		labels, err := tx.Labels(d)
		out.known = len(labels) > 0
		for i, n := range w.networks {
			if err == nil {
				has[i], err = tx.HasVector(n.model.ID, d)
			}
		}
		return err
	})
	if err != nil {
		return out, fatal{fmt.Errorf("look up %s in the store: %w", d.Short(), err)}
	}
	for id, vec := range w.carried[d] {
		out.vectors[id] = vec
	}
	for i, n := range w.networks {
		if _, carried := out.vectors[n.model.ID]; has[i] || carried {
			continue
		}
		vec, err := w.extract(ctx, i, data)
		if err != nil {
			return out, err
		}
		out.vectors[n.model.ID] = vec
		out.computed = append(out.computed, n.model.ID)
		out.warning = w.open[i].Warning()
		w.opt.Progress.Computed.Add(1)
	}
	return out, nil
}

// extract runs the i-th network. A photo that makes a decoder panic shows a bug that
// should be reported, but must not end the run for all others.
func (w *worker) extract(ctx context.Context, i int, data []byte) (vec []float32, err error) {
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
	vec = make([]float32, w.networks[i].model.Dim)
	return vec, w.open[i].ExtractBytes(ctx, data, vec)
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
