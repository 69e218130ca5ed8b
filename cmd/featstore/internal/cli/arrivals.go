package cli

import (
	"context"
	"hash/maphash"
	"time"

	"featstore/extract/ingest"
)

// How often a watched folder is looked through, and for how long a photo's size and time
// must not have changed. Looking is polling: notices of the operating system do not come from
// network drives, and have limits that large folders exceed.
const (
	watchEvery  = 500 * time.Millisecond
	watchSettle = 2 * time.Second
)

// arrivals are the photos that arrive in a folder. Some bytes are kept for each file that is
// there.
type arrivals struct {
	dir, without  string
	every, settle time.Duration
	seed          maphash.Seed
	known         map[uint64]arrival // by the hash of the path
	round         uint32             // of looking through the folder
}

// An arrival is a file of which something is known.
type arrival struct {
	size, mtime int64 // when it was last looked at
	since       int64 // when it became so
	round       uint32
	told        bool
}

func newArrivals(dir, without string) *arrivals {
	return &arrivals{dir: dir, without: without, every: watchEvery, settle: watchSettle, seed: maphash.MakeSeed(), known: map[uint64]arrival{}}
}

// skipPresent makes the files that are there ones that are known.
func (a *arrivals) skipPresent(ctx context.Context) error {
	return a.look(ctx, func(_ ingest.PhotoFile, is *arrival) error {
		is.told = true
		return nil
	})
}

// each calls do with the photos that arrive, until ctx is cancelled or do returns an error.
func (a *arrivals) each(ctx context.Context, do func(ingest.PhotoFile) error) error {
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for {
		now := time.Now().UnixNano()
		err := a.look(ctx, func(f ingest.PhotoFile, is *arrival) error {
			if is.told || now-is.since < int64(a.settle) {
				return nil
			}
			is.told = true
			if !f.IsPhoto() {
				return nil
			}
			return do(f)
		})
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look calls do with each file and what is known of it, and forgets those that are gone.
func (a *arrivals) look(ctx context.Context, do func(ingest.PhotoFile, *arrival) error) error {
	a.round++
	now := time.Now().UnixNano()
	err := ingest.EachFile(ctx, a.dir, a.without, func(f ingest.PhotoFile) error {
		at := maphash.String(a.seed, f.Path)
		is, ok := a.known[at]
		if size, mtime := f.Size, f.ModTime.UnixNano(); !ok || is.size != size || is.mtime != mtime {
			is = arrival{size: size, mtime: mtime, since: now}
		}
		is.round = a.round
		err := do(f, &is)
		a.known[at] = is
		return err
	})
	if err != nil {
		return err
	}
	for at, is := range a.known {
		if is.round != a.round {
			delete(a.known, at)
		}
	}
	return nil
}
