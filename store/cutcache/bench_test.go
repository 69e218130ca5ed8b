package cutcache_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"featstore/store/cutcache"
)

// views of 45,000 activations, 90 kB each, as Lite0 at 320 has before its block 11: 90 MB.
const (
	benchViews  = 1000
	benchValues = 45000
)

func benchmark(b *testing.B) (*cutcache.Cache, []cutcache.Key, []float32) {
	c, err := cutcache.Open(filepath.Join(b.TempDir(), "features.db.cut"), cutcache.Options{Limit: 10e9})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	keys := make([]cutcache.Key, benchViews)
	for i := range keys {
		keys[i] = key("model", "block10.add", i, 0)
	}
	b.SetBytes(2 * benchValues)
	b.ReportAllocs()
	return c, keys, activations(keys[0], benchValues)
}

func BenchmarkPut(b *testing.B) {
	c, keys, x := benchmark(b)
	for i := range b.N {
		k := keys[i%benchViews]
		k.View = i / benchViews % 10 // 900 MB at most
		if err := c.Put(k, x); err != nil && !errors.Is(err, cutcache.ErrFull) {
			b.Fatal(err)
		}
	}
}

// Get of a minibatch's photos in random order, from the system's cache of the file.
func BenchmarkGet(b *testing.B) {
	c, keys, x := benchmark(b)
	for i, k := range keys {
		x[0] = float32(i)
		if err := c.Put(k, x); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if ok, err := c.Get(keys[rand.IntN(benchViews)], x); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkRound(b *testing.B) {
	_, _, x := benchmark(b)
	for b.Loop() {
		if err := cutcache.Round(x); err != nil {
			b.Fatal(err)
		}
	}
}

// A training's steady state allocates nothing.
func TestGetDoesNotAllocate(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "features.db.cut"), cutcache.Options{Limit: 1 << 30})
	defer closeCache(t, c)
	k, x := key("m", "a", 1, 0), make([]float32, 1000)
	put(t, c, k, 1000)
	if n := testing.AllocsPerRun(100, func() { c.Get(k, x) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
