package cutcache

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// reserve is how many bytes of the disk the cache leaves free: its store is on it too.
const reserve = 1 << 30

// Room returns how many activations of a model at a cut a cache at path can have, of so many
// numbers each, where it may become as large as a limit: as many as fit into that and into
// what the disk has free, if all else makes room.
func Room(path string, limit int64, model, cut string, values int) int {
	size := int64(0)
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	if free := freeBytes(filepath.Dir(path)); free < math.MaxInt64 {
		limit = min(limit, size+max(0, int64(free)-reserve))
	}
	c := Cache{segmentSize: segmentSize}
	n := max(0, limit) / segmentSize * int64(c.layoutOf(set{model, cut, values}).slots)
	return int(min(n, math.MaxInt32))
}

// room returns a vacant slot for an entry of a set. Where there is none, the order is: a
// free segment, a new one, the oldest segment of another set that has nothing in use, the
// oldest entry of this set that is not in use. Then it is ErrFull: all that is left will
// be read again soon, and to evict it for what will also be read again gains nothing.
func (c *Cache) room(s set) (place, error) {
	if len(c.vacant[s]) == 0 {
		if c.layoutOf(s).slots == 0 {
			return place{}, ErrFull
		}
		if i := c.segmentFor(s); i >= 0 {
			if err := c.take(i, s); err != nil {
				return place{}, err
			}
		} else if !c.evict(s) {
			return place{}, ErrFull
		}
	}
	return pop(c.vacant, s), nil
}

// pop takes the last of a set's places.
func pop(places map[set][]place, s set) place {
	all := places[s]
	p := all[len(all)-1]
	places[s] = all[:len(all)-1]
	return p
}

// segmentFor returns the segment that the next entries of a set go to, or -1.
func (c *Cache) segmentFor(s set) int {
	if i := slices.IndexFunc(c.segments, func(s segment) bool { return s.age == 0 }); i >= 0 {
		return i
	}
	if n := int64(len(c.segments)); (n+1)*c.segmentSize <= c.limit && c.free(c.path) >= reserve+uint64(c.segmentSize) {
		return int(n)
	}
	oldest := -1
	for i, other := range c.segments {
		if other.set != s && (oldest < 0 || other.age < c.segments[oldest].age) && !slices.ContainsFunc(other.entries, func(e entry) bool { return e.used }) {
			oldest = i
		}
	}
	return oldest
}

// take gives segment i to a set. What it held is gone: checksums of its entries do not
// fit the new header.
func (c *Cache) take(i int, s set) error {
	if i == len(c.segments) {
		c.segments = append(c.segments, segment{})
	} else {
		c.removeSegment(i)
	}
	c.age++
	taken := segment{set: s, age: c.age, sum: s.seed(), entries: make([]entry, c.layoutOf(s).slots)}
	if err := c.writeAt(taken.marshal(), int64(i)*c.segmentSize); err != nil {
		return err
	}
	c.segments[i] = taken
	c.addSegment(i)
	return nil
}

// addSegment makes a segment's entries known, except those that a younger one has too.
func (c *Cache) addSegment(i int) {
	s := &c.segments[i]
	if c.index[s.set] == nil {
		c.index[s.set] = map[view]place{}
	}
	for slot := len(s.entries) - 1; slot >= 0; slot-- {
		e, p := &s.entries[slot], place{i, slot}
		if _, known := c.index[s.set][e.view]; !e.full || known {
			*e = entry{}
			c.vacant[s.set] = append(c.vacant[s.set], p)
			continue
		}
		c.index[s.set][e.view] = p
		c.evictable[s.set] = append(c.evictable[s.set], p)
	}
}

// removeSegment makes a segment free.
func (c *Cache) removeSegment(i int) {
	s := c.segments[i]
	for _, e := range s.entries {
		if e.full {
			delete(c.index[s.set], e.view)
		}
	}
	here := func(p place) bool { return p.segment == i }
	c.vacant[s.set] = slices.DeleteFunc(c.vacant[s.set], here)
	c.evictable[s.set] = slices.DeleteFunc(c.evictable[s.set], here)
	c.segments[i] = segment{}
}

// byAge returns the segments that are not free, the youngest first.
func (c *Cache) byAge() []int {
	var all []int
	for i, s := range c.segments {
		if s.age > 0 {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(i, j int) int { return cmp.Compare(c.segments[j].age, c.segments[i].age) })
	return all
}

// evict makes the oldest entry of a set vacant that is not in use.
func (c *Cache) evict(s set) bool {
	for len(c.evictable[s]) > 0 {
		p := pop(c.evictable, s)
		if e := c.segments[p.segment].entries[p.slot]; e.full && !e.used {
			c.drop(p)
			return true
		}
	}
	return false
}

// shrink cuts the file back to the size that it had, with the segment that was begun
// since, if any: space that a full disk needs.
func (c *Cache) shrink(size int64) error {
	if last := len(c.segments) - 1; int64(last)*c.segmentSize >= size {
		c.removeSegment(last)
		c.segments = c.segments[:last]
	}
	return c.truncate(size)
}
