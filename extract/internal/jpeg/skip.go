package jpeg

import "encoding/binary"

// skipBits is how many bits one look-up sees when coefficients are passed by: about two
// codes with their values.
const skipBits = 12

// A skipTable passes coefficients by that nobody needs, several at a time. An entry holds
//
//	bits 0–3   bits to consume: all codes and values that are whole in skipBits
//	bits 4–15  coefficients that they stand for, skipEnd more if they end the block
//
// The one of no bits, skipNone, stands for a code that is too long.
type skipTable [1 << skipBits]uint16

const (
	skipEnd  = 128
	skipNone = 64 << 4
)

// skips returns the table for passing coefficients by, which is built when it is first
// needed.
func (h *huffman) skips() *skipTable {
	if h.skip == nil {
		h.skip = new(skipTable)
		h.skipBuilt = false
	}
	if !h.skipBuilt {
		h.buildSkips()
		h.skipBuilt = true
	}
	return h.skip
}

func (h *huffman) buildSkips() {
	var one skipTable
	h.firstCodes(&one)
	for i := range h.skip {
		used, passed := uint(0), uint16(0)
		for passed < 64 {
			e := one[i<<used&(1<<skipBits-1)]
			if e == skipNone || used+uint(e&15) > skipBits || passed+e>>4&^skipEnd > 63 {
				break
			}
			used += uint(e & 15)
			passed += e >> 4
		}
		h.skip[i] = passed<<4 | uint16(used)
		if used == 0 {
			h.skip[i] = skipNone
		}
	}
}

// firstCodes fills a skipTable in which each entry holds the first code and its value alone.
func (h *huffman) firstCodes(one *skipTable) {
	for i := range one {
		one[i] = skipNone
	}
	counts, symbols := h.spec[:16], h.spec[16:]
	code := 0 // left-aligned in skipBits
	for length := 1; length <= skipBits; length++ {
		for range counts[length-1] {
			symbol := symbols[0]
			symbols = symbols[1:]
			run, size := uint16(symbol>>4), int(symbol&15)
			end := code + 1<<(skipBits-length)
			passed := run + 1
			if size == 0 && run != 15 {
				passed = skipEnd
			}
			if length+size <= skipBits {
				for i := code; i < end; i++ {
					one[i] = passed<<4 | uint16(length+size)
				}
			}
			code = end
		}
	}
}

// meanBlock decodes a block of which only the mean is needed, its DC coefficient. The
// others are passed by, but must be there.
func (d *Decoder) meanBlock(i, x, y int) error {
	c, r := d.scan.comp[i], &d.bits
	if r.n < 32 {
		r.refill()
	}
	diff, err := r.dcDifference(d.scan.dc[i])
	if err != nil {
		return err
	}
	c.pred += diff
	if err := r.skipAC(d.scan.ac[i]); err != nil {
		return err
	}
	c.pix[y*c.stride+x] = sample(int32(int16(c.pred*int32(c.scale[0]>>8))), 3)
	return nil
}

// skipAC passes the AC coefficients of a block by. It keeps the reader's state in registers.
func (r *bits) skipAC(ac *huffman) error {
	skips := ac.skip
	buf, pos, acc, n := r.buf, r.pos, r.acc, r.n
	for k := uint(1); k < 64; {
		if n < skipBits {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		e := skips[acc>>(64-skipBits)]
		next := k + uint(e>>4)
		if next <= 64 || next-skipEnd < 64 {
			acc <<= e & 15
			n -= uint(e & 15)
			k = next
			continue
		}
		// A code that is too long, or one behind the last coefficient of the block.
		r.pos, r.acc, r.n = pos, acc, n
		passed, err := r.skipOne(ac)
		if err != nil {
			return err
		}
		pos, acc, n = r.pos, r.acc, r.n
		if k += passed; k > 64 && passed != endOfBlock {
			return errBlock
		}
	}
	r.pos, r.acc, r.n = pos, acc, n
	if r.overrun() {
		return errShort
	}
	return nil
}

// skipOne passes one code and its value by, and returns how many coefficients it stands for.
func (r *bits) skipOne(ac *huffman) (passed uint, err error) {
	if r.n < 32 {
		r.refill()
	}
	e := ac.look[r.acc>>(64-lookBits)]
	if e&symbolOnly != 0 {
		if e, err = r.slowAC(ac, e); err != nil {
			return 0, err
		}
	} else {
		r.skip(uint(e & 63))
	}
	if passed = uint(e >> 8 & 0xff); passed != endOfBlock {
		passed++
	}
	return passed, nil
}
