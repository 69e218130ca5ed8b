package cutcache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"featstore/store/cutcache"
)

// Of 300 activations, five entries fit a segment.
const (
	n300       = 300
	perSegment = 5
)

func fill(t testing.TB, c *cutcache.Cache, cut string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		put(t, c, key("m", cut, i, 0), n300)
	}
}

// there counts the entries from..to that Stats sees, which marks none as in use.
func there(c *cutcache.Cache, cut string, from, to int) (n int) {
	for _, s := range c.Stats().Cuts {
		if s.Cut != cut {
			continue
		}
		for _, d := range s.Photos {
			for i := from; i < to; i++ {
				if d == photo(i) {
					n++
				}
			}
		}
	}
	return n
}

func TestOtherCutsMakeRoomFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	opt := cutcache.Small(4*segment, segment, nil)
	c := open(t, path, opt)
	fill(t, c, "a", 0, perSegment)
	fill(t, c, "b", 0, perSegment)
	fill(t, c, "c", 0, 2*perSegment)
	if err := c.Put(key("m", "c", 99, 0), activations(key("m", "c", 99, 0), n300)); !errors.Is(err, cutcache.ErrFull) {
		t.Fatalf("all is in use: %v, want ErrFull", err)
	}
	closeCache(t, c)

	// Next time c is trained again, with more photos: a is the oldest other cut.
	c = open(t, path, opt)
	fill(t, c, "c", 2*perSegment, 3*perSegment)
	if a, b, n := there(c, "a", 0, 99), there(c, "b", 0, 99), there(c, "c", 0, 99); a != 0 || b != perSegment || n != 3*perSegment {
		t.Errorf("%d of a, %d of b, %d of c", a, b, n)
	}
	if !get(t, c, key("m", "b", 0, 0), n300) {
		t.Error("b is not there")
	}
	// b is in use, so that the oldest entries of c go that are not.
	for i := range 3 {
		if !c.Has(key("m", "c", i, 0), n300) {
			t.Errorf("photo %d is not there", i)
		}
	}
	fill(t, c, "c", 100, 103)
	if first, next, rest, b := there(c, "c", 0, 3), there(c, "c", 3, 6), there(c, "c", 6, 103),
		there(c, "b", 0, 99); first != 3 || next != 0 || rest != 12 || b != perSegment {
		t.Errorf("%d, %d, %d of c, %d of b", first, next, rest, b)
	}
	closeCache(t, c)
	for _, i := range []int{0, 1, 2, 6, 14, 100, 102} {
		c := open(t, path, opt)
		if !get(t, c, key("m", "c", i, 0), n300) {
			t.Errorf("photo %d is not there after opening anew", i)
		}
		closeCache(t, c)
	}
}

// A lower limit makes the file smaller; the rest stays.
func TestLowerLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	c := open(t, path, cutcache.Small(5*segment, segment, nil))
	fill(t, c, "a", 0, 5*perSegment)
	closeCache(t, c)
	for _, segments := range []int{4, 2, 0} {
		c := open(t, path, cutcache.Small(int64(segments)*segment+segment/2, segment, nil))
		info, err := os.Stat(path)
		if err != nil || info.Size() > int64(segments)*segment {
			t.Errorf("%d segments: %d bytes, %v", segments, info.Size(), err)
		}
		if n := there(c, "a", 0, 100); n != segments*perSegment {
			t.Errorf("%d segments: %d entries", segments, n)
		}
		for i := range segments * perSegment {
			if !get(t, c, key("m", "a", i, 0), n300) {
				t.Errorf("%d segments: photo %d is not there", segments, i)
			}
		}
		if err := c.Put(key("m", "a", 99, 0), activations(key("m", "a", 99, 0), n300)); !errors.Is(err, cutcache.ErrFull) {
			t.Errorf("%d segments: %v, want ErrFull", segments, err)
		}
		closeCache(t, c)
	}
}

// The disk is not filled to the last byte: the store is on it.
func TestDiskKeepsAReserve(t *testing.T) {
	free := uint64(cutcache.Reserve + 2*segment)
	path := filepath.Join(t.TempDir(), "features.db.cut")
	c := open(t, path, cutcache.WithFree(cutcache.Small(1<<20, segment, nil), func() uint64 { return free }))
	defer closeCache(t, c)
	fill(t, c, "a", 0, perSegment)
	free = cutcache.Reserve + segment - 1
	k := key("m", "a", 99, 0)
	if err := c.Put(k, activations(k, n300)); !errors.Is(err, cutcache.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	free = cutcache.Reserve + segment
	put(t, c, k, n300)
}

// Room is how many can be put.
func TestRoom(t *testing.T) {
	const values, limit = 1 << 20, 40 << 20
	path := filepath.Join(t.TempDir(), "features.db.cut")
	if n := cutcache.Room(path, 1<<20, "m", "cut", values); n != 0 {
		t.Errorf("room for %d in less than a segment", n)
	}
	c, err := cutcache.Open(path, cutcache.Options{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	defer closeCache(t, c)
	x := make([]float32, values)
	put := 0
	for err == nil {
		if err = c.Put(key("m", "cut", put, 0), x); err == nil {
			put++
		}
	}
	if !errors.Is(err, cutcache.ErrFull) {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(t.TempDir(), "none")} {
		if n := cutcache.Room(path, limit, "m", "cut", values); n != put || put < 2 {
			t.Errorf("room for %d, put %d", n, put)
		}
	}
}
