package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
)

// bbolt trusts its file: a damaged page makes it read beyond the mapping or recurse
// without end, which no recover catches. So pages are looked at here, with bounds,
// before bbolt may follow them. The layout is bbolt's (internal/common), in the
// byte order of the machine.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader  = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize = 16 // leaf: flags, pos, ksize, vsize; branch: pos, ksize, child uint64
	metaSize    = 64
	bucketHead  = 16 // root uint64, sequence uint64

	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10
	bucketFlag   = 0x01 // of a leaf's element

	noFreelist = math.MaxUint64
	maxKey     = 32768 // of keys, in bytes
	maxDepth   = 40    // of a tree: a billion keys need less than ten levels
)

var native = binary.NativeEndian

// pageChecker looks at the pages of one state of a bbolt file.
type pageChecker struct {
	f     io.ReaderAt
	meta  boltMeta
	seen  []uint64 // a bit a page: part of a tree already looked at
	buf   []byte
	file  []byte      // its bytes, while it is mapped: see mapLeast
	found func(error) // if set, is told of damage, and the check goes on beside it

	mu    sync.Mutex
	trees map[uint64]*treeCheck // by root page: trees that were asked about
}

func newPageChecker(f io.ReaderAt, m boltMeta) *pageChecker {
	return &pageChecker{f: f, meta: m, seen: make([]uint64, m.pages/64+1), trees: map[uint64]*treeCheck{}}
}

// all looks at the root bucket and all buckets within it.
func (c *pageChecker) all() error {
	if err := c.pass(c.freelist()); err != nil {
		return err
	}
	return c.deep(c.meta.root, 0)
}

// deep looks at a bucket's tree and at all buckets within.
func (c *pageChecker) deep(root uint64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: buckets nested without end", ErrCorrupt)
	}
	var within []uint64
	if err := c.tree(root, &within); err != nil {
		return err
	}
	for _, r := range within {
		if err := c.pass(c.deep(r, depth+1)); err != nil {
			return err
		}
	}
	return nil
}

// pass tells of an error instead of returning it, if there is someone to tell.
func (c *pageChecker) pass(err error) error {
	if err == nil || c.found == nil {
		return err
	}
	c.found(err)
	return nil
}

// once looks at a bucket's tree, unless that has been done. It may be called by several
// goroutines, which look at different trees at the same time.
func (c *pageChecker) once(root uint64) error {
	c.mu.Lock()
	t := c.trees[root]
	if t == nil {
		t = &treeCheck{}
		c.trees[root] = t
	}
	c.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done {
		own := &pageChecker{f: c.f, meta: c.meta, seen: c.seen, found: c.found} // its memory is not shared
		unmap := own.mapPages()
		defer unmap()
		t.err = own.tree(root, nil)
		t.done = true
	}
	return t.err
}

// A treeCheck is what was found about a tree.
type treeCheck struct {
	mu   sync.Mutex
	done bool
	err  error
}

// mark notes that a page is in use, and tells whether it was before.
func (c *pageChecker) mark(n uint64) bool {
	bit := uint64(1) << (n % 64)
	return atomic.OrUint64(&c.seen[n/64], bit)&bit != 0
}

// mapLeast is the size in bytes from which on a file is mapped while a tree is looked at: a
// system call a key is most of the work where there are a million.
const mapLeast = 1 << 20

// mapPages maps the file, if it is one and large enough. A fault while it is read, because
// another program has cut it short, is a panic that guard knows.
func (c *pageChecker) mapPages() (unmap func()) {
	f, ok := c.f.(*os.File)
	size := int64(c.meta.pages) * c.meta.pageSize
	if !ok || size < mapLeast {
		return func() {}
	}
	data, free := mapFile(f, size)
	c.file = data
	return func() { c.file = nil; free() }
}

// tree looks at all pages of one bucket, and appends the root pages of the buckets
// within to within.
func (c *pageChecker) tree(root uint64, within *[]uint64) error {
	return c.page(root, 0, keyRange{}, within)
}

// corrupt describes what is wrong with a page.
func corrupt(id uint64, format string, args ...any) error {
	return fmt.Errorf("%w: page %d: %s", ErrCorrupt, id, fmt.Sprintf(format, args...))
}

// A keyRange says which keys a page may have: from lo on, below hi; nil is no bound.
type keyRange struct{ lo, hi []byte }

// page looks at one page and at those below it.
func (c *pageChecker) page(id uint64, depth int, r keyRange, within *[]uint64) error {
	if depth > maxDepth {
		return corrupt(id, "pages nested without end")
	}
	p, err := c.open(id)
	if err != nil {
		return err
	}
	if p.flags == leafFlag {
		return c.leaf(p, r, within)
	}
	if p.count == 0 {
		return corrupt(id, "a branch without children")
	}
	children := make([]uint64, p.count)
	bounds := make([][]byte, p.count+1)
	for i := range children {
		e := p.table[elementSize*i:]
		key, _, err := c.element(&p, i, native.Uint32(e), native.Uint32(e[4:]), 0)
		if err != nil {
			return err
		}
		bounds[i] = bytes.Clone(key)
		children[i] = native.Uint64(e[8:])
		if err := r.next(id, i, bounds[i]); err != nil {
			return err
		}
	}
	bounds[p.count] = r.hi
	for i, child := range children { // p's memory is reused from here on
		if err := c.pass(c.page(child, depth+1, keyRange{bounds[i], bounds[i+1]}, within)); err != nil {
			return err
		}
	}
	return nil
}

// next takes the key of element i, which must be within the range and come after
// the element before it, and lets the range begin at it.
func (r *keyRange) next(id uint64, i int, key []byte) error {
	order := bytes.Compare(r.lo, key)
	if order > 0 || order == 0 && i > 0 || r.hi != nil && bytes.Compare(key, r.hi) >= 0 {
		return corrupt(id, "key %d is out of order", i)
	}
	r.lo = key
	return nil
}

// An openPage is a page whose header and table of elements are in memory.
type openPage struct {
	id     uint64
	flags  uint16
	count  int
	extent int64 // bytes of the page and those it overflows into
	off    int64 // in the file
	table  []byte
	head   []byte // the first bytes of the page, at least its header and table
}

// open reads the head of a tree's page, checks it and marks its extent as seen.
func (c *pageChecker) open(id uint64) (openPage, error) {
	if id < 2 || id >= c.meta.pages {
		return openPage{}, corrupt(id, "there are only %d pages", c.meta.pages)
	}
	p := openPage{id: id, off: int64(id) * c.meta.pageSize}
	if err := c.read(&p, c.meta.pageSize); err != nil {
		return p, err
	}
	if got := native.Uint64(p.head); got != id {
		return p, corrupt(id, "it says that it is page %d", got)
	}
	p.flags = native.Uint16(p.head[8:])
	p.count = int(native.Uint16(p.head[10:]))
	overflow := uint64(native.Uint32(p.head[12:]))
	if p.flags != branchFlag && p.flags != leafFlag {
		return p, corrupt(id, "unknown kind %#x", p.flags)
	}
	if overflow >= c.meta.pages-id {
		return p, corrupt(id, "it has %d more pages, beyond the last", overflow)
	}
	for n := id; n <= id+overflow; n++ {
		if c.mark(n) {
			return p, corrupt(n, "it is used twice")
		}
	}
	p.extent = int64(overflow+1) * c.meta.pageSize
	end := int64(pageHeader + elementSize*p.count)
	if end > p.extent {
		return p, corrupt(id, "%d elements do not fit", p.count)
	}
	if end > int64(len(p.head)) {
		if err := c.read(&p, end); err != nil {
			return p, err
		}
	}
	p.table = p.head[pageHeader:end]
	return p, nil
}

// read fills p.head with n bytes.
func (c *pageChecker) read(p *openPage, n int64) error {
	if c.file != nil {
		p.head = c.file[p.off : p.off+n]
		return nil
	}
	if int64(cap(c.buf)) < n {
		c.buf = make([]byte, n)
	}
	p.head = c.buf[:n]
	if _, err := c.f.ReadAt(p.head, p.off); err != nil {
		return fmt.Errorf("reading page %d: %w", p.id, err)
	}
	return nil
}

// element returns the key and value of element i, which must lie within the page.
func (c *pageChecker) element(p *openPage, i int, pos, ksize, vsize uint32) (key []byte, value int64, err error) {
	from := int64(pageHeader) + elementSize*int64(i) + int64(pos)
	if end := from + int64(ksize) + int64(vsize); end > p.extent {
		return nil, 0, corrupt(p.id, "element %d ends at %d of %d bytes", i, end, p.extent)
	}
	if ksize == 0 || ksize > maxKey {
		return nil, 0, corrupt(p.id, "element %d has a key of %d bytes", i, ksize)
	}
	key, err = c.bytes(p, from, int64(ksize))
	return key, from + int64(ksize), err
}

// leaf looks at the elements of a leaf.
func (c *pageChecker) leaf(p openPage, r keyRange, within *[]uint64) error {
	for i := range p.count {
		e := p.table[elementSize*i:]
		flags, vsize := native.Uint32(e), native.Uint32(e[12:])
		key, value, err := c.element(&p, i, native.Uint32(e[4:]), native.Uint32(e[8:]), vsize)
		if err != nil {
			return err
		}
		if err := r.next(p.id, i, key); err != nil {
			return err
		}
		if flags == 0 {
			continue
		}
		if flags != bucketFlag {
			return corrupt(p.id, "element %d is of unknown kind %#x", i, flags)
		}
		v, err := c.bytes(&p, value, int64(vsize))
		if err != nil {
			return err
		}
		if err := c.inner(p.id, v, within); err != nil {
			return err
		}
	}
	return nil
}

// bytes returns part of a page, from memory where it is there. What it returns is
// valid as long as p is.
func (c *pageChecker) bytes(p *openPage, from, n int64) ([]byte, error) {
	if from+n <= int64(len(p.head)) {
		return p.head[from : from+n], nil
	}
	if c.file != nil {
		return c.file[p.off+from : p.off+from+n], nil
	}
	b := make([]byte, n)
	if _, err := c.f.ReadAt(b, p.off+from); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", p.id, err)
	}
	return b, nil
}

// inner looks at the value that stands for a bucket: its root page, or, for a small
// bucket, its only page itself.
func (c *pageChecker) inner(id uint64, v []byte, within *[]uint64) error {
	if len(v) < bucketHead {
		return corrupt(id, "a bucket's entry of %d bytes", len(v))
	}
	if root := native.Uint64(v); root != 0 {
		if within != nil {
			*within = append(*within, root)
		}
		return nil
	}
	v = v[bucketHead:]
	if len(v) < pageHeader {
		return corrupt(id, "a small bucket of %d bytes", len(v))
	}
	p := openPage{id: id, flags: native.Uint16(v[8:]), count: int(native.Uint16(v[10:])), extent: int64(len(v)), head: v}
	if p.flags != leafFlag || pageHeader+elementSize*p.count > len(v) {
		return corrupt(id, "a small bucket that is no leaf")
	}
	p.table = v[pageHeader:]
	for i := range p.count {
		if native.Uint32(p.table[elementSize*i:]) != 0 {
			return corrupt(id, "a bucket within a small bucket")
		}
	}
	return c.leaf(p, keyRange{}, nil)
}

// freelist looks at the list of free pages, if the file has one, and marks its
// pages as seen.
func (c *pageChecker) freelist() error {
	id := c.meta.freelist
	if id == noFreelist {
		return nil
	}
	if id < 2 || id >= c.meta.pages {
		return corrupt(id, "the list of free pages is beyond the last page")
	}
	p := openPage{id: id, off: int64(id) * c.meta.pageSize}
	if err := c.read(&p, c.meta.pageSize); err != nil {
		return err
	}
	count, first := uint64(native.Uint16(p.head[10:])), uint64(0)
	if count == 0xFFFF {
		count, first = native.Uint64(p.head[pageHeader:]), 1
	}
	overflow := uint64(native.Uint32(p.head[12:]))
	if native.Uint64(p.head) != id || native.Uint16(p.head[8:]) != freelistFlag || overflow >= c.meta.pages-id {
		return corrupt(id, "it is no list of free pages")
	}
	extent := int64(overflow+1) * c.meta.pageSize
	if count > c.meta.pages || int64(pageHeader+8*(first+count)) > extent {
		return corrupt(id, "a list of %d free pages does not fit", count)
	}
	b, err := c.bytes(&p, int64(pageHeader+8*first), int64(8*count))
	if err != nil {
		return err
	}
	return c.markFree(id, overflow, b)
}

// markFree marks the pages of the free list, and those it lists, as not to be used.
func (c *pageChecker) markFree(id, overflow uint64, list []byte) error {
	for n := id; n <= id+overflow; n++ {
		c.mark(n)
	}
	for ; len(list) > 0; list = list[8:] {
		n := native.Uint64(list)
		if n < 2 || n >= c.meta.pages || c.mark(n) {
			return corrupt(id, "it lists page %d as free, which cannot be", n)
		}
	}
	return nil
}
