package cli

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract/ingest"
)

// A predictionCount says how many photos were looked at, and how many could not be used.
type predictionCount struct{ photos, failed int }

// A photoJob is a photo on its way through the workers.
type photoJob struct {
	photo  ingest.PhotoFile
	result chan predicted // of one place
}

// jobsAhead is how many photos, for each worker, may be on their way at the same time: their
// results are handed over in order, so one that takes long holds those behind it up.
const jobsAhead = 4

// run looks at the photos of a source with several workers and hands over the predictions
// in the photos' order. However many there are, only some are on their way at a time.
func (p *predictor) run(
	ctx context.Context, source photoSource, workers int, watched bool, each func(predicted) error,
) (count predictionCount, err error) {
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	group, ctx := errgroup.WithContext(ctx)
	next, stop := iter.Pull2(source.photos(ctx))
	defer stop()
	first, cores, err := firstPhotos(source, workers, next)
	if err != nil {
		return count, err
	}
	if len(first) == 0 && !source.waits() {
		return count, errNoPhotosFound()
	}
	var done, total atomic.Int64
	if watched && !source.waits() {
		defer p.showPredicted(ctx, source, &done, &total)()
	}
	jobs, order := make(chan *photoJob), make(chan *photoJob, jobsAhead*workers)
	group.Go(func() error {
		defer close(jobs)
		defer close(order)
		return feedJobs(ctx, first, next, jobs, order)
	})
	for range workers {
		group.Go(func() error { return p.work(ctx, &source, cores, jobs) })
	}
	err = inOrder(ctx, order, func(r predicted) error {
		count.photos++
		if r.err != "" {
			count.failed++
		}
		done.Add(1)
		return each(r)
	})
	if err != nil {
		group.Go(func() error { return err }) // ends the others
	}
	if e := group.Wait(); e != nil {
		err = e
	}
	if err == nil && count.photos == 0 {
		err = errNoPhotosFound()
	}
	return count, err
}

func errNoPhotosFound() error {
	return hint(errors.New("no photos found"), "give files, or folders that hold photos")
}

// firstPhotos takes as many photos as there are workers. Where there are fewer in all, each
// gets several cores.
func firstPhotos(source photoSource, workers int, next func() (ingest.PhotoFile, error, bool)) (first []ingest.PhotoFile, cores int, err error) {
	if source.waits() {
		return nil, 1, nil // the first one must not wait for the others
	}
	for len(first) < workers {
		f, err, more := next()
		if !more {
			return first, workers / max(len(first), 1), nil
		}
		if err != nil {
			return nil, 1, err
		}
		first = append(first, f)
	}
	return first, 1, nil
}

// showPredicted shows progress, until the function that it returns is called. The photos are
// counted beside the work.
func (p *predictor) showPredicted(ctx context.Context, source photoSource, done, total *atomic.Int64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		if n, err := source.count(ctx); err == nil {
			total.Store(n)
		}
	})
	end := p.watch(func() gauge { return gauge{"predict", "photo", done.Load(), total.Load()} })
	return func() {
		cancel()
		counting.Wait()
		end()
	}
}

// feedJobs hands photos to the workers, and in the same order to who waits for the results.
func feedJobs(ctx context.Context, first []ingest.PhotoFile, next func() (ingest.PhotoFile, error, bool), jobs, order chan<- *photoJob) error {
	for i := 0; ; i++ {
		var f ingest.PhotoFile
		if i < len(first) {
			f = first[i]
		} else {
			var err error
			var more bool
			if f, err, more = next(); !more {
				return ctx.Err()
			} else if err != nil {
				return err
			}
		}
		job := &photoJob{f, make(chan predicted, 1)}
		for _, to := range []chan<- *photoJob{order, jobs} {
			select {
			case to <- job:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// work looks at photos, with some number of cores, until none is left.
func (p *predictor) work(ctx context.Context, source *photoSource, cores int, jobs <-chan *photoJob) error {
	extractors, err := extractorsOf(p.networks, cores)
	if err != nil {
		return err
	}
	for job := range jobs {
		r, err := p.one(ctx, source, job.photo, extractors)
		if err != nil {
			return err
		}
		job.result <- r
	}
	return nil
}

// inOrder hands over the results in the order of their photos.
func inOrder(ctx context.Context, order <-chan *photoJob, each func(predicted) error) error {
	for job := range order {
		select {
		case r := <-job.result:
			if err := each(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
