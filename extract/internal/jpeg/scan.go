package jpeg

import "encoding/binary"

// A coding says how a scan's blocks are coded.
type coding uint8

const (
	sequential coding = iota
	dcFirst           // the four kinds of progressive scans
	dcRefine
	acFirst
	acRefine
	grey // not at all: stands in for blocks that cannot be decoded
)

// decodeScan decodes the scan whose header has been read.
func (d *Decoder) decodeScan() error {
	how := sequential
	if d.progressive {
		how = d.scan.progressiveCoding()
	}
	if d.passedBy() {
		d.passBy()
		return nil
	}
	total := d.mcusX * d.mcusY
	if d.scan.n == 1 {
		total = d.scan.comp[0].usedX * d.scan.comp[0].usedY
	}
	interval := d.restart
	if interval == 0 {
		interval = total
	}
	for first, i := 0, 0; first < total; first, i = first+interval, i+1 {
		if first > 0 && !d.restartMarker((i-1)%8) {
			return corrupt("restart marker %d is missing: data is damaged or lost", i-1)
		}
		if err := d.decodeInterval(how, first, min(first+interval, total)); err != nil {
			return err
		}
	}
	return nil
}

// decodeInterval decodes the MCUs first…end, between which no restart marker
// stands.
func (d *Decoder) decodeInterval(how coding, first, end int) error {
	d.nextSegment()
	d.eobRun = 0
	for i := range d.scan.n {
		c := d.scan.comp[i]
		if c.pred = 0; how == sequential && c.side == 1 {
			d.scan.ac[i].skips()
		}
	}
	mcu, err := d.decodeMCUs(how, first, end)
	if err == nil {
		return nil
	}
	// With restart markers damage ends at the next one; at the end of the file
	// there must at least be a marker.
	if d.restart == 0 || d.at >= len(d.data) {
		return err
	}
	d.damaged++
	if !d.progressive {
		d.decodeMCUs(grey, mcu, end)
	}
	return nil
}

// decodeMCUs decodes minimum coded units: of a scan of one component they are
// blocks, otherwise they have as many of each component as its sampling factors
// say. At an error, at is the unit it occurred in.
func (d *Decoder) decodeMCUs(how coding, first, end int) (at int, err error) {
	s := &d.scan
	if s.n == 1 {
		return d.decodeBlocks(how, first, end)
	}
	mx, my := first%d.mcusX, first/d.mcusX
	for at = first; at < end; at++ {
		for i := range s.n {
			c := s.comp[i]
			for y := range c.v {
				for x := range c.h {
					if err := d.decodeBlock(how, i, mx*c.h+x, my*c.v+y); err != nil {
						return at, err
					}
				}
			}
		}
		if mx++; mx == d.mcusX {
			mx, my = 0, my+1
		}
	}
	return end, nil
}

// decodeBlocks decodes blocks of a scan of one component.
func (d *Decoder) decodeBlocks(how coding, first, end int) (at int, err error) {
	c := d.scan.comp[0]
	x, y := first%c.usedX, first/c.usedX
	for at = first; at < end; at++ {
		if how == acFirst && d.eobRun > 0 {
			// Nothing is coded for these blocks: a few bytes must not buy a walk over
			// all of a large picture, again and again.
			skip := min(d.eobRun, end-at)
			d.eobRun -= skip
			at += skip - 1
			x, y = (at+1)%c.usedX, (at+1)/c.usedX
			continue
		}
		if err := d.decodeBlock(how, 0, x, y); err != nil {
			return at, err
		}
		if x++; x == c.usedX {
			x, y = 0, y+1
		}
	}
	return end, nil
}

// decodeBlock decodes the block at column x and row y of component i of the scan.
func (d *Decoder) decodeBlock(how coding, i, x, y int) error {
	switch how {
	case sequential:
		return d.sequentialBlock(i, x, y)
	case dcFirst:
		return d.dcFirst(i, x, y)
	case dcRefine:
		return d.dcRefine(i, x, y)
	case acFirst:
		return d.acFirst(i, x, y)
	case acRefine:
		return d.acRefine(i, x, y)
	}
	d.greyBlock(i, x, y)
	return nil
}

var (
	errCode  = corrupt("a code that no Huffman table has")
	errBlock = corrupt("coefficients beyond the end of a block")
	errShort = corrupt("the picture data ends early")
)

// sequentialBlock decodes a block and reconstructs its samples.
func (d *Decoder) sequentialBlock(i, x, y int) error {
	s := &d.scan
	c := s.comp[i]
	if c.side == 1 {
		return d.meanBlock(i, x, y)
	}
	last, err := d.coefficients(s.dc[i], s.ac[i], c)
	if err != nil {
		d.block = [64]int16{}
		return err
	}
	if x >= c.x0 && x < c.x1 && y >= c.y0 && y < c.y1 {
		inverse(&d.block, last, c.side, c.pix[(y*c.stride+x)*c.side:], c.stride)
	}
	if last == 0 {
		d.block[0] = 0
	} else {
		d.block = [64]int16{}
	}
	return nil
}

// greyBlock stands in for a block that cannot be decoded.
func (d *Decoder) greyBlock(i, x, y int) {
	c := d.scan.comp[i]
	flat(0, c.side, c.pix[(y*c.stride+x)*c.side:], c.stride)
}

// coefficients decodes one block of a sequential file into d.block, which is
// zero before: dequantised, in natural order. last is the zigzag position of the
// last coefficient that may not be zero.
//
// This loop takes most of the time of decoding a photo. It keeps the reader's
// state in registers.
func (d *Decoder) coefficients(dc, ac *huffman, c *component) (last int, err error) {
	r := &d.bits
	if r.n < 32 {
		r.refill()
	}
	diff, err := r.dcDifference(dc)
	if err != nil {
		return 0, err
	}
	c.pred += diff
	block, scale := &d.block, &c.scale
	scale[0].apply(block, c.pred)

	buf, pos, acc, n := r.buf, r.pos, r.acc, r.n
	k := 1
	for ; k < 64; k++ {
		if n < lookBits {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		e := ac.look[acc>>(64-lookBits)]
		if e&symbolOnly != 0 {
			r.pos, r.acc, r.n = pos, acc, n
			if e, err = r.slowAC(ac, e); err != nil {
				return 0, err
			}
			pos, acc, n = r.pos, r.acc, r.n
		} else {
			acc <<= e & 63
			n -= uint(e & 63)
		}
		k += int(e >> 8 & 0xff)
		if k > 63 {
			if e>>8&0xff != endOfBlock {
				return 0, errBlock
			}
			break
		}
		scale[k&63].apply(block, int32(e)>>16)
	}
	last = 63
	if k > 64 { // by the end of the block, from the position after the last
		last = k - endOfBlock - 1
	}
	r.pos, r.acc, r.n = pos, acc, n
	if r.overrun() {
		return 0, errShort
	}
	return last, nil
}

// dcDifference decodes a DC coefficient's difference to its predecessor.
func (r *bits) dcDifference(h *huffman) (int32, error) {
	e := h.look[r.acc>>(64-lookBits)]
	if e&symbolOnly == 0 {
		r.skip(uint(e & 63))
		return int32(e) >> 16, nil
	}
	size, err := r.symbol(h, e)
	if err != nil {
		return 0, err
	}
	if size > 15 {
		return 0, errCode
	}
	return extend(r.take(uint(size)), int(size)), nil
}

// symbol consumes a code whose look-up entry e holds no value.
func (r *bits) symbol(h *huffman, e uint32) (byte, error) {
	if e&63 != 0 {
		r.skip(uint(e & 63))
		return byte(e >> 8), nil
	}
	s, length := h.long(uint32(r.acc >> 48))
	if length > 16 {
		return 0, errCode
	}
	r.skip(uint(length))
	return s, nil
}

// slowAC decodes a code and value that one look-up does not, into the form of a
// look-up entry.
func (r *bits) slowAC(h *huffman, e uint32) (uint32, error) {
	if r.n < 32 {
		r.refill()
	}
	s, err := r.symbol(h, e)
	if err != nil {
		return 0, err
	}
	run, size := uint32(s>>4), uint(s&15)
	if size == 0 {
		if run == 15 {
			return 15 << 8, nil
		}
		return endOfBlock << 8, nil
	}
	return run<<8 | uint32(uint16(extend(r.take(size), int(size))))<<16, nil
}

// natural maps zigzag positions to natural ones, row·8 + column (T.81 figure A.6).
var natural = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}
