package cutcache_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"featstore/store/cutcache"
)

// A model of a cache: what Get may find, and what it must.
type model struct {
	path  string
	limit int64
	cache *cutcache.Cache
	put   map[cutcache.Key]bool // ever
	inUse map[cutcache.Key]bool
}

// lengths of the activations, by cut: from many in a segment to one.
var lengths = map[string]int{"a": 40, "b": 300, "c": 1900}

func drawKey(t *rapid.T) cutcache.Key {
	return key(rapid.SampledFrom([]string{"m", "n"}).Draw(t, "model"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "cut"),
		rapid.IntRange(0, 9).Draw(t, "photo"), rapid.IntRange(0, 1).Draw(t, "view"))
}

func (m *model) open(t *rapid.T) {
	c, err := cutcache.Open(m.path, cutcache.Small(m.limit, segment, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.cache = c
	m.inUse = map[cutcache.Key]bool{}
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"put": func(t *rapid.T) {
			k := drawKey(t)
			err := m.cache.Put(k, activations(k, lengths[k.Cut]))
			switch {
			case err == nil:
				m.put[k], m.inUse[k] = true, true
			case !errors.Is(err, cutcache.ErrFull) || m.inUse[k]:
				t.Fatalf("putting %v: %v", k, err)
			case len(m.inUse) < int(m.limit/segment): // a segment each, at most
				t.Fatalf("it is full, although only %d entries in %d segments are in use", len(m.inUse), m.limit/segment)
			}
		},
		"get": func(t *rapid.T) {
			k := drawKey(t)
			m.found(t, k, get(t, m.cache, k, lengths[k.Cut]))
		},
		"has": func(t *rapid.T) {
			k := drawKey(t)
			m.found(t, k, m.cache.Has(k, lengths[k.Cut]))
		},
		"reopen": func(t *rapid.T) {
			was := m.cache.Stats()
			m.close(t)
			m.open(t)
			if is := m.cache.Stats(); is.Bytes != was.Bytes || !reflect.DeepEqual(is.Cuts, was.Cuts) {
				t.Fatalf("after opening anew there is\n%+v\nbefore\n%+v", is, was)
			}
		},
		"change limit": func(t *rapid.T) {
			m.close(t)
			m.limit = int64(rapid.IntRange(0, 5).Draw(t, "segments")) * segment
			m.open(t)
		},
		"damage": func(t *rapid.T) {
			m.close(t)
			m.damage(t)
			m.open(t)
		},
		"": func(t *rapid.T) {
			if info, err := os.Stat(m.path); err != nil || info.Size() > m.limit {
				t.Fatalf("%d bytes, limit %d (%v)", info.Size(), m.limit, err)
			}
			for k := range m.inUse {
				if !get(t, m.cache, k, lengths[k.Cut]) {
					t.Fatalf("%v is in use and not there", k)
				}
			}
		},
	}
}

func (m *model) found(t *rapid.T, k cutcache.Key, there bool) {
	switch {
	case there && !m.put[k]:
		t.Fatalf("%v was never put", k)
	case !there && m.inUse[k]:
		t.Fatalf("%v is in use and not there", k)
	case there && !get(t, m.cache, k, lengths[k.Cut]): // damaged, which Has does not see
	case there:
		m.inUse[k] = true
	}
}

func (m *model) close(t *rapid.T) {
	if err := m.cache.Close(); err != nil {
		t.Fatal(err)
	}
}

// damage changes bytes, or cuts the file short.
func (m *model) damage(t *rapid.T) {
	b, err := os.ReadFile(m.path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return
	}
	if rapid.Bool().Draw(t, "short") {
		b = b[:rapid.IntRange(0, len(b)).Draw(t, "size")]
	}
	for range rapid.IntRange(0, 20).Draw(t, "flips") {
		if len(b) > 16 {
			b[rapid.IntRange(16, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
	}
	if err := os.WriteFile(m.path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever is done, in any order, and whatever happens to the file: activations are those
// that were put, those in use are there, and the file keeps to its limit.
func TestCacheBehavesAsItsModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{path: filepath.Join(dir, "cut"), limit: int64(rapid.IntRange(0, 5).Draw(t, "segments")) * segment, put: map[cutcache.Key]bool{}}
		os.Remove(m.path)
		m.open(t)
		defer func() { m.cache.Close() }()
		t.Repeat(m.actions())
	})
}
