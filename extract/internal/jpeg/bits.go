package jpeg

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// bits reads an entropy-coded segment, whose stuffed zero bytes have been taken
// out and which is followed by zeros, so that reading ahead needs no checks.
type bits struct {
	buf []byte
	end int // bytes of data in buf
	pos int // bytes loaded into acc

	// The next bits, the first one topmost; n of them are counted. Below may be
	// more of the same, which the next refill loads again.
	acc uint64
	n   uint
}

// blockBytes is more than one block can consume: 64 codes of 16 bits with 15
// value bits each. So many zeros follow the data, and overrun is called once a
// block.
const blockBytes = 512

// overrun reports whether more bits have been consumed than there were.
func (b *bits) overrun() bool { return b.pos*8-int(b.n) > b.end*8 }

// refill makes at least 56 bits available.
func (b *bits) refill() {
	b.acc |= binary.BigEndian.Uint64(b.buf[b.pos:]) >> (b.n & 63)
	b.pos += int((63 - b.n) >> 3)
	b.n |= 56
}

func (b *bits) skip(n uint) {
	b.acc <<= n & 63
	b.n -= n
}

// take returns the next n ≤ 16 bits; there must be so many in acc.
func (b *bits) take(n uint) uint32 {
	v := uint32(b.acc >> 1 >> (63 - n&63))
	b.skip(n)
	return v
}

// nextSegment loads the entropy-coded data at d.data[d.at:] up to the next
// marker and leaves d.at on that marker.
func (d *Decoder) nextSegment() {
	b := &d.bits
	b.buf, b.pos, b.acc, b.n = b.buf[:0], 0, 0, 0
	data := d.data
	b.buf = slices.Grow(b.buf, len(data)-d.at+blockBytes) // once for all segments
	for at := d.at; ; {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			// The file ends without a marker.
			if i < 0 {
				i = len(data) - at
			}
			b.buf = append(b.buf, data[at:at+i]...)
			d.at = len(data)
			break
		}
		if data[at+i+1] != 0 {
			b.buf = append(b.buf, data[at:at+i]...)
			d.at = at + i
			break
		}
		b.buf = append(b.buf, data[at:at+i+1]...)
		at += i + 2
	}
	b.end = len(b.buf)
	b.buf = append(b.buf, zeros[:]...)
}

var zeros [blockBytes]byte
