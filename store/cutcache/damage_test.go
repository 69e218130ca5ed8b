package cutcache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"featstore/store/cutcache"
)

// some fills a cache with entries of two cuts and returns their keys, by number of
// activations.
func some(t testing.TB, path string, opt cutcache.Options) map[cutcache.Key]int {
	t.Helper()
	c := open(t, path, opt)
	defer closeCache(t, c)
	keys := map[cutcache.Key]int{}
	for i := range 7 {
		keys[key("m", "a", i, 0)] = 300
		keys[key("m", "b", i, i)] = 40
	}
	for k, n := range keys {
		put(t, c, k, n)
	}
	return keys
}

// recovers checks that what is found is right, that what is not can be put again, and
// that it is then there. It returns how many were lost.
func recovers(t testing.TB, path string, opt cutcache.Options, keys map[cutcache.Key]int) (lost int) {
	t.Helper()
	c := open(t, path, opt)
	defer closeCache(t, c)
	for k, n := range keys {
		if !get(t, c, k, n) {
			lost++
			put(t, c, k, n)
		}
		if !get(t, c, k, n) {
			t.Fatalf("%v is not there after Put", k)
		}
	}
	return lost
}

// No flipped bit gives other activations: they are not there.
func TestFlippedBits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<20, segment, nil)
	keys := some(t, path, opt)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 13 // odd, so that all bits of a byte come up
	if testing.Short() {
		step = 97
	}
	most, misses := 0, 0
	for bit := 8 * 16; bit < 8*len(whole); bit += step { // before: see TestOtherFilesAreLeftAlone
		if whole[bit/8] == 0 && bit%8 > 0 {
			continue // mostly unused space
		}
		b := append([]byte(nil), whole...)
		b[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		lost := recovers(t, path, opt, keys)
		most = max(most, lost)
		if lost > 0 {
			misses++
		}
	}
	if most != 7 || misses < 1000/step {
		t.Errorf("at most %d entries were lost, in %d cases: a header's damage loses its segment's", most, misses)
	}
}

// Wherever the file ends, what is whole before the end is there.
func TestTornFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<20, segment, nil)
	keys := some(t, path, opt)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 64
	if testing.Short() {
		step = 1000
	}
	last := len(keys)
	for size := 0; size < len(whole)+step; size += step {
		size := min(size, len(whole))
		for _, zeros := range []bool{false, true} { // a file system may have kept the length, not the bytes
			b := append([]byte(nil), whole[:size]...)
			if zeros {
				b = append(b, make([]byte, len(whole)-size)...)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			lost := recovers(t, path, opt, keys)
			if lost > last {
				t.Errorf("cut at %d of %d, zeros %v: %d entries lost, of a shorter file %d", size, len(whole), zeros, lost, last)
			}
			if zeros {
				last = lost
			}
		}
	}
	if last > 0 {
		t.Errorf("%d entries of the whole file are lost", last)
	}
}

// A file that is cut short or overwritten by another program while it is open makes
// misses, never a fault.
func TestCutShortWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<20, segment, nil)
	keys := some(t, path, opt)
	c := open(t, path, opt)
	defer closeCache(t, c)
	for _, size := range []int64{segment + 4000, 5000, 100, 0} {
		if err := os.Truncate(path, size); err != nil {
			t.Skip(err) // Windows
		}
		for k, n := range keys {
			get(t, c, k, n)
		}
	}
	if st := c.Stats(); st.Damaged != len(keys) || len(st.Cuts) != 0 {
		t.Errorf("of %d entries: %+v", len(keys), st)
	}
	for k, n := range keys {
		put(t, c, k, n)
		if !get(t, c, k, n) {
			t.Errorf("%v is not there", k)
		}
	}
}

// FuzzOpen opens arbitrary files. With reseal, headers and rows of tables get checksums
// that fit, so that what they say is taken seriously.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<16, segment, nil)
	some(f, path, opt)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, false)
	f.Add(whole[:5000], true)
	f.Add(whole[:100], true)
	f.Add([]byte{}, false)
	f.Add(make([]byte, 5000), true)
	f.Fuzz(func(t *testing.T, b []byte, reseal bool) {
		if reseal {
			cutcache.Reseal(b, segment)
		}
		path := filepath.Join(t.TempDir(), "features.db.cut")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := cutcache.Open(path, opt)
		if errors.Is(err, cutcache.ErrNotCache) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer closeCache(t, c)
		for _, s := range c.Stats().Cuts {
			x := make([]float32, s.Values)
			for _, d := range s.Photos {
				if _, err := c.Get(cutcache.Key{Model: s.Model, Cut: s.Cut, Photo: d}, x); err != nil {
					t.Fatal(err)
				}
			}
		}
		for k, n := range map[cutcache.Key]int{key("m", "a", 1, 0): 300, key("m", "b", 1, 1): 40, key("x", "y", 2, 0): 7} {
			err := c.Put(k, activations(k, n))
			if err != nil && !errors.Is(err, cutcache.ErrFull) || err == nil && !get(t, c, k, n) {
				t.Fatalf("%v: %v", k, err)
			}
		}
		if st := c.Stats(); st.Bytes > 1<<16 {
			t.Fatalf("%d bytes", st.Bytes)
		}
	})
}
