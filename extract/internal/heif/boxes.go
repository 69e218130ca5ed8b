package heif

import "encoding/binary"

// A cursor reads numbers, most significant byte first. Beyond the end it reads zeros and
// remembers that it did.
type cursor struct {
	b     []byte
	at    int // of b in the file
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short = true
		c.b = nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	c.at += n
	return out
}

// uint reads n bytes, 0 to 8.
func (c *cursor) uint(n int) (v uint64) {
	for _, b := range c.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (c *cursor) u8() int     { return int(c.uint(1)) }
func (c *cursor) u16() int    { return int(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }

// full reads what a full box begins with.
func (c *cursor) full() (version int, flags uint32) {
	v := c.u32()
	return int(v >> 24), v & 0xffffff
}

// A box is a part of a file or of another box.
type box struct {
	kind string
	cursor
}

// next reads the next box. It reports false at the end, and where what follows is no box.
func (c *cursor) next() (b box, ok bool) {
	if len(c.b) < 8 {
		return box{}, false
	}
	size, header := uint64(binary.BigEndian.Uint32(c.b)), 8
	b.kind = string(c.b[4:8])
	switch {
	case size == 0: // to the end
		size = uint64(len(c.b))
	case size == 1:
		if len(c.b) < 16 {
			return box{}, false
		}
		size, header = binary.BigEndian.Uint64(c.b[8:]), 16
	}
	if size < uint64(header) || size > uint64(len(c.b)) {
		return box{}, false
	}
	b.cursor = cursor{b: c.b[header:size], at: c.at + header}
	c.take(int(size))
	return b, true
}

// find returns the first of the boxes that follow of that kind.
func (c cursor) find(kind string) (box, bool) {
	for {
		b, ok := c.next()
		if !ok || b.kind == kind {
			return b, ok
		}
	}
}
