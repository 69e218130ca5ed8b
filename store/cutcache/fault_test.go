package cutcache_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"featstore/store/cutcache"
)

// A faulty file fails the k-th call of WriteAt, after it has written a part of the bytes.
type faulty struct {
	cutcache.File
	writes *int
	k      int
	share  float64 // of the bytes that are written
	silent bool    // says only how few bytes
	always bool    // and all calls after it
	read   bool    // fails reading instead
}

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	*f.writes++
	if f.read || *f.writes < f.k || *f.writes > f.k && !f.always {
		return f.File.WriteAt(b, at)
	}
	n, err := f.File.WriteAt(b[:int(f.share*float64(len(b)))], at)
	if err == nil && !f.silent {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *faulty) ReadAt(b []byte, at int64) (int, error) {
	if f.read && *f.writes >= f.k {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, at)
}

// Whichever write fails, in part or whole, once or for good: Put says so, what was there
// before is still read, the file is not longer, and the next process finds it in order.
func TestWritesFail(t *testing.T) {
	for _, f := range []faulty{{}, {share: 0.5}, {share: 0.99, silent: true}, {share: 0.5, always: true}, {always: true}} {
		for f.k = 1; ; f.k++ {
			path := filepath.Join(t.TempDir(), "features.db.cut")
			opt := cutcache.Small(1<<20, segment, nil)
			c := open(t, path, cutcache.Small(1<<20, segment, func(inner cutcache.File) cutcache.File {
				f.File, f.writes = inner, new(int)
				return &f
			}))
			keys := map[cutcache.Key]int{}
			failed := 0
			for i := range 8 {
				for cut, n := range map[string]int{"a": 300, "b": 40, "c": 1900} {
					k := key("m", cut, i, 0)
					before := c.Stats().Bytes
					err := c.Put(k, activations(k, n))
					if err == nil {
						keys[k] = n
						continue
					}
					failed++
					if !f.silent && !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("write %d: %v", f.k, err)
					}
					if info, err := os.Stat(path); err != nil || info.Size() != before {
						t.Fatalf("write %d: the file has grown from %d to %d (%v)", f.k, before, info.Size(), err)
					}
				}
			}
			for k, n := range keys {
				if !get(t, c, k, n) {
					t.Fatalf("write %d: %v is not there", f.k, k)
				}
			}
			closeCache(t, c)
			if lost := recovers(t, path, opt, keys); lost > 0 {
				t.Fatalf("write %d: %d entries are lost", f.k, lost)
			}
			if failed == 0 {
				if f.k < 40 {
					t.Fatalf("only %d writes", f.k)
				}
				break
			}
			if f.k > 12 && testing.Short() {
				f.k += 7
			}
		}
	}
}

func TestReadsFail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	f := &faulty{writes: new(int), k: 4, read: true}
	c := open(t, path, cutcache.Small(1<<20, segment, func(inner cutcache.File) cutcache.File {
		f.File = inner
		return f
	}))
	put(t, c, key("m", "a", 1, 0), 300) // three writes
	if !get(t, c, key("m", "a", 1, 0), 300) {
		t.Fatal("it is not there")
	}
	put(t, c, key("m", "a", 2, 0), 300)
	if ok, err := c.Get(key("m", "a", 1, 0), make([]float32, 300)); ok || !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, %v, want the error of reading", ok, err)
	}
	*f.writes = 0
	if !get(t, c, key("m", "a", 1, 0), 300) {
		t.Error("a failed read has dropped the entry")
	}
	closeCache(t, c)
}
