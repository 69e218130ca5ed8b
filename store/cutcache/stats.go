package cutcache

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"featstore/split"
)

// Stats is what there is in a cache.
type Stats struct {
	Bytes int64      // of the file
	Cuts  []CutStats // by model, cut and number of activations

	// Since Open: calls of Get that found activations and that did not, and how many of
	// the latter because they were damaged.
	Hits, Misses, Damaged int
}

// CutStats is what there is of a model at a cut.
type CutStats struct {
	Model, Cut string
	Values     int            // activations of a view
	Views      int            // of all photos
	Photos     []split.Digest // sorted, each once
	Bytes      int64          // of the segments that hold them
}

// Stats returns what there is in the cache.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := Stats{Bytes: c.size, Hits: c.hits, Misses: c.misses, Damaged: c.damaged}
	for s, views := range c.index {
		cut := CutStats{Model: s.model, Cut: s.cut, Values: s.values, Views: len(views)}
		for v := range views {
			cut.Photos = append(cut.Photos, v.photo)
		}
		slices.SortFunc(cut.Photos, compareDigests)
		cut.Photos = slices.Compact(cut.Photos)
		for i, seg := range c.segments {
			if seg.set == s {
				cut.Bytes += min(c.segmentSize, c.size-int64(i)*c.segmentSize)
			}
		}
		if cut.Views > 0 {
			st.Cuts = append(st.Cuts, cut)
		}
	}
	slices.SortFunc(st.Cuts, func(a, b CutStats) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Cut, b.Cut), cmp.Compare(a.Values, b.Values))
	})
	return st
}

func compareDigests(a, b split.Digest) int { return bytes.Compare(a[:], b[:]) }

// Inspect returns what there is in the cache at path, which another process may be
// using. Where there is none the error wraps fs.ErrNotExist.
func Inspect(path string) (Stats, error) {
	st, err := inspect(path)
	if err != nil {
		return st, fmt.Errorf("cache %s: %w", path, withoutPath(err))
	}
	return st, nil
}

func inspect(path string) (st Stats, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return st, ErrNotCache
	}
	f, err := os.Open(path)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c := newCache(path, f, Options{})
	if err := c.load(); err != nil {
		return st, err
	}
	return c.Stats(), nil
}

// Remove removes the cache at path and returns how large it was; 0 if there was none.
// The error wraps ErrLocked if another process uses it, ErrNotCache if it is none.
func Remove(path string) (size int64, err error) {
	if size, err = remove(path); err != nil {
		return 0, fmt.Errorf("removing cache %s: %w", path, withoutPath(err))
	}
	return size, nil
}

func remove(path string) (int64, error) {
	f, err := openLocked(path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c := newCache(path, f, Options{})
	err = c.load()
	size := c.size
	if err == nil { // of whoever opens it before it is gone, nothing is lost
		err = c.truncate(0)
	}
	if err = errors.Join(err, f.Close()); err != nil { // closed first: Windows removes no open file
		return 0, err
	}
	return size, os.Remove(path)
}
