package cli

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"featstore/extract/photo"
	"featstore/split"
	"featstore/store/cutcache"
	"featstore/store/storetest"
)

// A brokenCache is one on a disk that fails: writing from the put-th time on, reading from
// the get-th.
type brokenCache struct {
	*cutcache.Cache
	puts, gets, put, get atomic.Int64
}

func (b *brokenCache) Put(k cutcache.Key, x []float32) error {
	if b.puts.Add(1) >= b.put.Load() {
		return fmt.Errorf("writing: %w", syscall.ENOSPC)
	}
	return b.Cache.Put(k, x)
}

func (b *brokenCache) Get(k cutcache.Key, dst []float32) (bool, error) {
	if b.gets.Add(1) >= b.get.Load() {
		return false, fmt.Errorf("reading: %w", syscall.EIO)
	}
	return b.Cache.Get(k, dst)
}

// A disk that is full or fails, at any moment, is told once, and the activations are the
// same as ever, those that are computed and those that are read.
func TestDiskFailsUnderTheCache(t *testing.T) {
	const n, size = 12, 50
	var photos []*tuningPhoto
	for i := range n {
		photos = append(photos, &tuningPhoto{digest: split.SumBytes([]byte{byte(i)})})
	}
	activations := func(_ context.Context, of split.Digest, _ photo.View, dst []float32) error {
		for i := range dst {
			dst[i] = float32(int(of[0])*i) / 7
		}
		return nil
	}
	for _, at := range []struct{ put, get int64 }{{1000, 1000}, {1, 1000}, {5, 1000}, {n, 1000}, {1000, 1}, {1000, n + 3}, {7, 5}} {
		var said bytes.Buffer
		c := &cutReader{app: &app{Streams: Streams{Out: &said, Err: &said}, store: "features.db"}, model: "m", cut: "c", size: size, idle: idleWorkers(2),
			more: func() (frozenFunc, error) { return activations, nil }}
		cache, err := cutcache.Open(filepath.Join(storetest.Dir(t), "features.db.cut"), cutcache.Options{Limit: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		broken := &brokenCache{Cache: cache}
		broken.put.Store(at.put)
		broken.get.Store(at.get)
		c.cache = broken
		if err := c.fill(t.Context(), c.viewsOf(photos, nil)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, p := range photos {
				got, want := make([]float32, size), make([]float32, size)
				if err := c.read(t.Context(), p, 0, got); err != nil {
					t.Fatal(err)
				}
				activations(t.Context(), p.digest, photo.View{}, want)
				if err := cutcache.Round(want); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%+v: wrong activations", at)
				}
			}
		}
		warnings := strings.Count(said.String(), "going on without")
		if fails := at.put <= n || at.get < 1000; fails != (warnings == 1) || warnings > 1 {
			t.Errorf("%+v: it says\n%s", at, said.String())
		}
		if st := cache.Stats(); at.put > n && (len(st.Cuts) != 1 || st.Cuts[0].Views != n) {
			t.Errorf("%+v: the cache has %+v", at, st.Cuts)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}
}
