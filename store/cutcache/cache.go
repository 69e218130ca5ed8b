package cutcache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"

	"featstore/split"
	"featstore/store/internal/filelock"
)

// Options say how large a cache may become.
type Options struct {
	// Limit bounds the file, in bytes. Segments are never begun that would exceed it, and
	// Open cuts off what does.
	Limit int64

	segmentSize int64                        // of tests
	wrap        func(file) file              // of tests: faults
	free        func(path string) (n uint64) // of tests
}

// A Key says which activations are meant. How many there are is part of it too.
type Key struct {
	Model string       // the network and how photos are prepared for it: a store.Model's ID
	Cut   string       // the tensor
	Photo split.Digest // of the photo's bytes
	View  int          // 0 for the photo as it is
}

// A file is what a cache needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	Close() error
}

// A Cache keeps activations. Several goroutines may use it; they take turns.
type Cache struct {
	path        string
	limit       int64
	segmentSize int64
	free        func(path string) uint64

	mu        sync.Mutex
	file      file
	size      int64 // of the file
	segments  []segment
	index     map[set]map[view]place
	vacant    map[set][]place // slots without an entry, of segments of a set
	evictable map[set][]place // slots that were filled before Open, oldest last
	age       uint64          // of the youngest segment
	buf       []byte          // an entry's activations
	scratch   []byte          // what an entry's checksum begins with

	hits, misses, damaged int
}

// A place is a slot of a segment.
type place struct{ segment, slot int }

// Open opens the cache at path, which is made if there is none, for this process alone.
// Damaged parts count as free. Its errors wrap ErrLocked and ErrNotCache where one of
// these is the reason; whoever gets any can go on without a cache.
func Open(path string, opt Options) (*Cache, error) {
	c, err := open(path, opt)
	if err != nil {
		return nil, fmt.Errorf("cache %s: %w", path, withoutPath(err))
	}
	return c, nil
}

func open(path string, opt Options) (*Cache, error) {
	f, err := openLocked(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	c := newCache(path, f, opt)
	err = c.load()
	if err == nil {
		err = c.cutToLimit()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

func newCache(path string, f file, opt Options) *Cache {
	c := &Cache{path: path, limit: opt.Limit, segmentSize: segmentSize, free: opt.free, file: f,
		index: map[set]map[view]place{}, vacant: map[set][]place{}, evictable: map[set][]place{}}
	if opt.segmentSize > 0 {
		c.segmentSize = opt.segmentSize
	}
	if opt.wrap != nil {
		c.file = opt.wrap(f)
	}
	if c.free == nil {
		c.free = freeBytes
	}
	return c
}

// openLocked opens the file at path and locks it, unless another process has.
func openLocked(path string, flag int) (*os.File, error) {
	for {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return nil, ErrNotCache
		}
		f, err := os.OpenFile(path, flag, 0o644)
		if err != nil {
			return nil, err
		}
		ok, _, err := filelock.Try(f, true)
		if err == nil && !ok {
			err = ErrLocked
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		a, err := f.Stat()
		if b, err2 := os.Stat(path); err == nil && err2 == nil && os.SameFile(a, b) {
			return f, nil
		}
		if f.Close(); err != nil { // else another process has removed it meanwhile
			return nil, err
		}
	}
}

// load reads headers and tables of all segments.
func (c *Cache) load() error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	c.size = info.Size()
	anything := c.size == 0
	for at := int64(0); at < c.size; at += c.segmentSize {
		s, ours, err := c.readSegment(at)
		if err != nil {
			return err
		}
		anything = anything || ours
		c.segments = append(c.segments, s)
		c.age = max(c.age, s.age)
	}
	if !anything {
		return ErrNotCache
	}
	for _, i := range c.byAge() {
		c.addSegment(i)
	}
	return nil
}

// cutToLimit removes the segments beyond the limit from the end of the file.
func (c *Cache) cutToLimit() error {
	n := int(max(0, c.limit) / c.segmentSize)
	if n >= len(c.segments) {
		return nil
	}
	if err := c.truncate(int64(n) * c.segmentSize); err != nil {
		return err
	}
	c.segments = c.segments[:n]
	clear(c.index)
	clear(c.vacant)
	clear(c.evictable)
	for _, i := range c.byAge() {
		c.addSegment(i)
	}
	return nil
}

func (c *Cache) truncate(size int64) error {
	if err := c.file.Truncate(size); err != nil {
		return err
	}
	c.size = size
	return nil
}

// Has reports whether there are activations of a key, and marks them as in use. Unlike
// Get it does not look at them: Get may yet find them damaged.
func (c *Cache) Has(k Key, values int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, e := c.find(k, values)
	if e != nil {
		e.used = true
	}
	return e != nil
}

// Get reads the activations of a key into dst, and reports whether there are any. They
// are in use from then on. Damaged ones are not there, nor are those of another number
// than dst has. After an error, which is one of reading the file, dst holds anything.
func (c *Cache) Get(k Key, dst []float32) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, e := c.find(k, len(dst))
	if e == nil {
		c.misses++
		return false, nil
	}
	data := c.buffer(2 * len(dst))
	_, err := c.file.ReadAt(data, c.dataAt(p))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading cache %s: %w", c.path, withoutPath(err))
	}
	if err != nil || c.dataSum(c.segments[p.segment].sum, e, data) != e.sum {
		c.drop(p)
		c.misses++
		c.damaged++
		return false, nil
	}
	e.used, e.sound = true, true
	c.hits++
	decode(dst, data, e.shift)
	return true, nil
}

// Put keeps activations, rounded as Round does it, which is an error that wraps ErrRange
// where they are not finite. What Put or Get have seen there already stays. ErrFull says
// that there is no room. Any other error is one of writing, perhaps because the disk
// is full: the file is then no larger than before, and what it holds can still be read.
func (c *Cache) Put(k Key, x []float32) error {
	shift, err := shiftOf(x)
	if err != nil {
		return err
	}
	if k.View < 0 || k.View > math.MaxInt32 {
		return fmt.Errorf("activations of view %d: not 0 to %d", k.View, math.MaxInt32)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, e := c.find(k, len(x)); e != nil {
		if e.sound {
			return nil
		}
		c.drop(p)
	}
	s := set{k.Model, k.Cut, len(x)}
	before := c.size
	p, err := c.room(s)
	if err == nil {
		err = c.write(p, k, x, shift)
	}
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	if c.size > before {
		err = errors.Join(err, c.shrink(before))
	}
	return fmt.Errorf("writing cache %s: %w", c.path, withoutPath(err))
}

// write fills a vacant slot: first the activations, then the entry that says so.
func (c *Cache) write(p place, k Key, x []float32, shift uint32) error {
	s := &c.segments[p.segment]
	data := c.buffer(2 * len(x))
	encode(data, x, shift)
	e := entry{view: view{k.Photo, uint32(k.View)}, shift: shift, full: true, used: true, sound: true}
	e.sum = c.dataSum(s.sum, &e, data)
	err := c.writeAt(data, c.dataAt(p))
	if err == nil {
		err = c.writeAt(marshalEntry(s.sum, e), int64(p.segment)*c.segmentSize+headerSize+int64(p.slot)*entrySize)
	}
	if err != nil {
		c.vacant[s.set] = append(c.vacant[s.set], p)
		return err
	}
	s.entries[p.slot] = e
	c.index[s.set][e.view] = p
	return nil
}

func (c *Cache) writeAt(b []byte, at int64) error {
	n, err := c.file.WriteAt(b, at)
	c.size = max(c.size, at+int64(n))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// find returns where the entry of a key lies, or nil.
func (c *Cache) find(k Key, values int) (p place, e *entry) {
	if k.View < 0 || k.View > math.MaxInt32 {
		return p, nil
	}
	p, ok := c.index[set{k.Model, k.Cut, values}][view{k.Photo, uint32(k.View)}]
	if !ok {
		return p, nil
	}
	return p, &c.segments[p.segment].entries[p.slot]
}

// drop forgets an entry.
func (c *Cache) drop(p place) {
	s := &c.segments[p.segment]
	delete(c.index[s.set], s.entries[p.slot].view)
	s.entries[p.slot] = entry{}
	c.vacant[s.set] = append(c.vacant[s.set], p)
}

func (c *Cache) dataAt(p place) int64 {
	l := c.layoutOf(c.segments[p.segment].set)
	return int64(p.segment)*c.segmentSize + l.data + int64(p.slot)*l.size
}

func (c *Cache) buffer(n int) []byte {
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	return c.buf[:n]
}

// Close lets other processes use the cache. Nothing is lost without it.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.file.Close(); err != nil {
		return fmt.Errorf("closing cache %s: %w", c.path, withoutPath(err))
	}
	return nil
}

// withoutPath strips the path from an error of package os, which callers name anyway.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
