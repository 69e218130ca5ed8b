package cutcache_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"featstore/split"
	"featstore/store/cutcache"
)

const segment = 8192 // of most tests

func photo(i int) split.Digest { return split.SumBytes(fmt.Append(nil, "photo ", i)) }

func key(model, cut string, i, view int) cutcache.Key {
	return cutcache.Key{Model: model, Cut: cut, Photo: photo(i), View: view}
}

// activations are those of a key, as Get gives them: they depend on all of it.
func activations(k cutcache.Key, n int) []float32 {
	seed := split.SumBytes(fmt.Append(nil, k, n))
	r := rand.New(rand.NewChaCha8(seed))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(max(0, r.NormFloat64()))
	}
	if r.IntN(4) == 0 {
		x[0] = 1e6 // beyond float16
	}
	if err := cutcache.Round(x); err != nil {
		panic(err)
	}
	return x
}

func open(t testing.TB, path string, opt cutcache.Options) *cutcache.Cache {
	t.Helper()
	c, err := cutcache.Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, c *cutcache.Cache, k cutcache.Key, n int) {
	t.Helper()
	if err := c.Put(k, activations(k, n)); err != nil {
		t.Fatalf("putting %v: %v", k, err)
	}
}

// get reports whether activations are there, which must then be the right ones.
func get(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *cutcache.Cache, k cutcache.Key, n int) bool {
	t.Helper()
	x := make([]float32, n)
	ok, err := c.Get(k, x)
	if err != nil {
		t.Fatalf("getting %v: %v", k, err)
	}
	if ok && !slices.Equal(x, activations(k, n)) {
		t.Fatalf("%v: wrong activations", k)
	}
	return ok
}

func closeCache(t testing.TB, c *cutcache.Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEntriesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Options{Limit: 1 << 30}
	for round := range 3 {
		c := open(t, path, opt)
		for i := range 40 {
			for view := range 2 {
				for _, k := range []cutcache.Key{key("m", "block11", i, view), key("m", "block12", i, view), key("n", "block11", i, view)} {
					n := 700 + len(k.Cut)
					if got := get(t, c, k, n); got != (round > 0) || c.Has(k, n) != got {
						t.Fatalf("round %d: %v is there: %v", round, k, got)
					}
					if get(t, c, k, n-1) {
						t.Fatal("there are activations of another length")
					}
					put(t, c, k, n)
					put(t, c, k, n) // again changes nothing
					if !get(t, c, k, n) {
						t.Fatalf("%v is not there", k)
					}
				}
			}
		}
		st := c.Stats()
		closeCache(t, c)
		if len(st.Cuts) != 3 || st.Cuts[0].Views != 80 || len(st.Cuts[0].Photos) != 40 || st.Cuts[2].Model != "n" {
			t.Fatalf("round %d: %+v", round, st)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() != st.Bytes {
			t.Errorf("the file has %d bytes, Stats says %d (%v)", info.Size(), st.Bytes, err)
		}
		seen, err := cutcache.Inspect(path)
		if err != nil || !reflect.DeepEqual(seen.Cuts, st.Cuts) || seen.Bytes != st.Bytes {
			t.Errorf("Inspect says %+v, %v, Stats %+v", seen, err, st)
		}
	}
}

// One process has the cache; others can look at it, and take it after that one.
func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<20, segment, nil)
	c := open(t, path, opt)
	put(t, c, key("m", "a", 1, 0), 100)
	if _, err := cutcache.Open(path, opt); !errors.Is(err, cutcache.ErrLocked) {
		t.Errorf("a second Open: %v, want ErrLocked", err)
	}
	if _, err := cutcache.Remove(path); !errors.Is(err, cutcache.ErrLocked) {
		t.Errorf("Remove while it is in use: %v, want ErrLocked", err)
	}
	if !get(t, c, key("m", "a", 1, 0), 100) {
		t.Error("the entry is gone")
	}
	closeCache(t, c)
	if size, err := cutcache.Remove(path); err != nil || size == 0 {
		t.Errorf("Remove: %d, %v", size, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if size, err := cutcache.Remove(path); err != nil || size != 0 {
		t.Errorf("Remove of nothing: %d, %v", size, err)
	}
	if _, err := cutcache.Inspect(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Inspect of nothing: %v", err)
	}
}

// Who has the cache open does not notice that its file is deleted, nor does who makes a
// new one.
func TestDeletedWhileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(1<<20, segment, nil)
	c := open(t, path, opt)
	put(t, c, key("m", "a", 1, 0), 100)
	if err := os.Remove(path); err != nil {
		t.Skip(err) // Windows
	}
	put(t, c, key("m", "a", 2, 0), 100)
	other := open(t, path, opt)
	if get(t, other, key("m", "a", 1, 0), 100) || !get(t, c, key("m", "a", 1, 0), 100) || !get(t, c, key("m", "a", 2, 0), 100) {
		t.Error("the two files are not apart")
	}
	closeCache(t, other)
	closeCache(t, c)
}

// What the user has put there is not the program's to overwrite.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"text": "my notes on the cut\n", "long": strings.Repeat("x", 3*segment), "one": "x"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := cutcache.Open(path, cutcache.Small(1<<20, segment, nil))
		_, err2 := cutcache.Inspect(path)
		_, err3 := cutcache.Remove(path)
		for _, err := range []error{err, err2, err3} {
			if !errors.Is(err, cutcache.ErrNotCache) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want ErrNotCache with the path", name, err)
			}
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%s has been changed: %v", name, err)
		}
	}
	for _, path := range []string{dir, os.DevNull} {
		if _, err := cutcache.Open(path, cutcache.Options{Limit: 1 << 30}); !errors.Is(err, cutcache.ErrNotCache) {
			t.Errorf("%s: %v, want ErrNotCache", path, err)
		}
	}
	if _, err := cutcache.Open(filepath.Join(dir, "none", "x.cut"), cutcache.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that does not exist: %v", err)
	}
}

// What has no place gets ErrFull and does no harm.
func TestWhatHasNoPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	c := open(t, path, cutcache.Small(1<<20, segment, nil))
	defer closeCache(t, c)
	for name, k := range map[string]cutcache.Key{"large": key("m", "a", 1, 0), "long name": key(strings.Repeat("m", 4096), "a", 1, 0)} {
		n := 10
		if name == "large" {
			n = segment / 2
		}
		if err := c.Put(k, make([]float32, n)); !errors.Is(err, cutcache.ErrFull) {
			t.Errorf("%s: %v, want ErrFull", name, err)
		}
	}
	if err := c.Put(key("m", "a", 1, 0), nil); !errors.Is(err, cutcache.ErrFull) {
		t.Errorf("no activations: %v, want ErrFull", err)
	}
	if err := c.Put(key("m", "a", 1, -1), make([]float32, 3)); err == nil || get(t, c, key("m", "a", 1, -1), 3) {
		t.Errorf("a negative view: %v", err)
	}
	if st := c.Stats(); st.Bytes != 0 || len(st.Cuts) != 0 {
		t.Errorf("%+v", st)
	}
}
