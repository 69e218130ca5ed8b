package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/userfile"
)

// Photos that are named on the command line, and work on many of them.

// expand replaces folders by the photos in them.
func expand(ctx context.Context, args []string) (photos []string, err error) {
	for _, arg := range args {
		if arg == stdinArgument || !ingest.HasPhotos(arg) {
			photos = append(photos, arg) // if it does not exist, reading will say so
			continue
		}
		err := ingest.EachPhoto(ctx, arg, "", func(f ingest.PhotoFile) error {
			photos = append(photos, f.Path)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return photos, nil
}

// readPhoto reads a photo's bytes, those of standard input if it is called "-".
func (a *app) readPhoto(ctx context.Context, path string) ([]byte, error) {
	if path == stdinArgument {
		return ingest.ReadPhotoStream(ctx, a.In)
	}
	data, err := ingest.ReadPhoto(ctx, path)
	if errors.Is(err, userfile.ErrKind) {
		err = fmt.Errorf("%w, or pipe a photo in as -", err)
	}
	return data, err
}

// photoFailed says what is wrong with a photo.
func (a *app) photoFailed(path, reason string) error {
	if a.json {
		return a.emit(struct {
			Path  string `json:"path"`
			Error string `json:"error"`
		}{path, reason})
	}
	a.warn("%s: %s", path, reason)
	if needsPhotoMemory(reason) {
		a.hint(photoMemoryHint)
	}
	return nil
}

// someFailed is the error of a command that could not use some of its photos, or none.
func someFailed(failed, all int) error {
	switch failed {
	case 0:
		return nil
	case all:
		return &exitError{code: exitFailure}
	}
	return &exitError{code: exitSomeFailed}
}

// extractorsOf returns an extractor for each network, which works with some number of cores.
func extractorsOf(networks []*extract.Network, cores int) ([]*extract.Extractor, error) {
	all := make([]*extract.Extractor, len(networks))
	for i, n := range networks {
		x, err := n.NewParallelExtractor(cores)
		if err != nil {
			return nil, err
		}
		all[i] = x
	}
	return all, nil
}

// eachInOrder computes something of each of n things with several workers, 0 meaning one
// for each processor, and hands the results over in order, each as soon as those before it
// are done. start makes a worker, which may use some number of cores. An error of a worker
// or of each ends it all.
func eachInOrder[T any](
	ctx context.Context, n, workers int, start func(cores int) (func(ctx context.Context, i int) (T, error), error), each func(T) error,
) error {
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	results := make([]chan T, n)
	for i := range results {
		results[i] = make(chan T, 1)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	cores := max(workers/max(n, 1), 1) // for each thing, when there are more than things
	for range min(workers, n) {
		group.Go(func() error {
			one, err := start(cores)
			if err != nil {
				return err
			}
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				r, err := one(ctx, i)
				if err != nil {
					return err
				}
				results[i] <- r
			}
			return nil
		})
	}
	err := takeInOrder(ctx, results, each)
	if err != nil {
		cancel()
	}
	if e := group.Wait(); e != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = e // it is why the context was cancelled
	}
	return err
}

func takeInOrder[T any](ctx context.Context, results []chan T, each func(T) error) error {
	for _, c := range results {
		select {
		case r := <-c:
			if err := each(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
