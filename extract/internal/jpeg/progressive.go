package jpeg

import (
	"bytes"
	mathbits "math/bits"
)

// checkProgression checks a progressive scan's header and notes what it sends.
func (d *Decoder) checkProgression() error {
	s := &d.scan
	switch {
	case s.first > s.last || s.last > 63, s.first == 0 && s.last != 0, s.first > 0 && s.n != 1:
		return corrupt("a progressive scan of coefficients %d to %d and %d components", s.first, s.last, s.n)
	case s.low > 13, s.high != 0 && s.high != s.low+1:
		return corrupt("a progressive scan of bits %d to %d", s.high, s.low)
	}
	for i := range s.n {
		c := s.comp[i]
		c.scanned = true
		before := int8(s.high)
		if s.high == 0 {
			before = notSent
		}
		for k := s.first; k <= s.last; k++ {
			if c.level[k] != before {
				return corrupt("progressive scans in an impossible order")
			}
			c.level[k] = int8(s.low)
		}
	}
	return nil
}

// progressiveCoding tells the kind of scan (T.81 G.1).
func (s *scan) progressiveCoding() coding {
	switch {
	case s.first == 0 && s.high == 0:
		return dcFirst
	case s.first == 0:
		return dcRefine
	case s.high == 0:
		return acFirst
	}
	return acRefine
}

// passedBy reports whether the scan is one of coefficients that nobody needs: all but the
// DC, of a component whose blocks become one sample each.
func (d *Decoder) passedBy() bool {
	return d.progressive && d.scan.first > 0 && d.scan.comp[0].side == 1
}

// passBy goes to the marker behind the scan, without decoding it. Damage in it is not
// noticed, and does no harm.
func (d *Decoder) passBy() {
	for d.at < len(d.data) {
		i := bytes.IndexByte(d.data[d.at:], 0xff)
		if i < 0 || d.at+i+1 >= len(d.data) {
			d.at = len(d.data)
			return
		}
		d.at += i
		if next := d.data[d.at+1]; next != 0 && next != 0xff && (next < mRST0 || next > mRST7) {
			return
		}
		d.at++
	}
}

// dcAt returns where a block's DC coefficient lies.
func (c *component) dcAt(x, y int) *int16 { return &c.coef[(y*c.blocksX+x)*c.perBlock] }

// coefAt returns a block's coefficients, in zigzag order, and which of them are
// not zero. There must be all 64.
func (c *component) coefAt(x, y int) (*[64]int16, *uint64) {
	i := y*c.blocksX + x
	return (*[64]int16)(c.coef[i*64:]), &c.nonzero[i]
}

func (d *Decoder) dcFirst(i, x, y int) error {
	c, r := d.scan.comp[i], &d.bits
	if r.n < 32 {
		r.refill()
	}
	diff, err := r.dcDifference(d.scan.dc[i])
	if err != nil {
		return err
	}
	if r.overrun() {
		return errShort
	}
	c.pred += diff
	*c.dcAt(x, y) = int16(c.pred << d.scan.low)
	return nil
}

func (d *Decoder) dcRefine(i, x, y int) error {
	r := &d.bits
	if r.bit() {
		*d.scan.comp[i].dcAt(x, y) |= 1 << d.scan.low
	}
	if r.overrun() {
		return errShort
	}
	return nil
}

func (r *bits) bit() bool {
	if r.n == 0 {
		r.refill()
	}
	b := int64(r.acc) < 0
	r.skip(1)
	return b
}

// acFirst decodes a block that no run of ended blocks holds.
func (d *Decoder) acFirst(i, x, y int) error {
	s, r := &d.scan, &d.bits
	h := s.ac[i]
	b, nonzero := s.comp[i].coefAt(x, y)
	for k := s.first; k <= s.last; k++ {
		skip, value, err := d.acSymbol(h)
		if err != nil {
			return err
		}
		if skip == endOfBlock {
			d.eobRun--
			break
		}
		k += skip
		if k > s.last {
			return errBlock
		}
		if value != 0 {
			b[k&63] = int16(value << s.low)
			*nonzero |= 1 << (k & 63)
		}
	}
	if r.overrun() {
		return errShort
	}
	return nil
}

// acSymbol decodes a run of zeros and the value after it. An end-of-block run
// comes as skip = endOfBlock and is put into d.eobRun, this block included.
func (d *Decoder) acSymbol(h *huffman) (skip int, value int32, err error) {
	r := &d.bits
	if r.n < 32 {
		r.refill()
	}
	e := h.look[r.acc>>(64-lookBits)]
	if e&symbolOnly == 0 {
		r.skip(uint(e & 63))
		skip = int(e >> 8 & 0xff)
		if skip == endOfBlock {
			d.eobRun = 1
		}
		return skip, int32(e) >> 16, nil
	}
	symbol, err := r.symbol(h, e)
	if err != nil {
		return 0, 0, err
	}
	run, size := uint(symbol>>4), uint(symbol&15)
	if size > 0 {
		return int(run), extend(r.take(size), int(size)), nil
	}
	if run == 15 {
		return 15, 0, nil
	}
	d.eobRun = 1<<run + int(r.take(run))
	return endOfBlock, 0, nil
}

// acRefine sends one more bit of coefficients already known to be other than
// zero, and makes others so (T.81 G.1.2.3).
func (d *Decoder) acRefine(i, x, y int) error {
	s, r := &d.scan, &d.bits
	h := s.ac[i]
	b, nonzero := s.comp[i].coefAt(x, y)
	known := *nonzero // what this scan adds is not corrected by it
	k := s.first
	for ; d.eobRun == 0 && k <= s.last; k++ {
		skip, value, err := d.acSymbol(h)
		if err != nil {
			return err
		}
		if skip == endOfBlock {
			break
		}
		if value < -1 || value > 1 {
			return corrupt("a refinement by %d", value)
		}
		k = r.refine(b, known, k, s.last, skip, s.low)
		if k > s.last {
			if value != 0 {
				return errBlock
			}
			break
		}
		if value != 0 {
			b[k&63] = int16(value << s.low)
			*nonzero |= 1 << (k & 63)
		}
	}
	if d.eobRun > 0 {
		r.refine(b, known, k, s.last, 64, s.low)
		d.eobRun--
	}
	if r.overrun() {
		return errShort
	}
	return nil
}

// refine reads a correction bit for every known coefficient from k on, passes
// zeros others, and returns the position of the next one, or last+1. It goes
// from one known coefficient to the next: in between all are zero.
func (r *bits) refine(b *[64]int16, known uint64, k, last, zeros, low int) int {
	one := int16(1) << low
	for k <= last {
		next := min(k+mathbits.TrailingZeros64(known>>(k&63)), last+1)
		if zeros < next-k {
			return k + zeros
		}
		zeros -= next - k
		if next > last {
			break
		}
		if c := &b[next&63]; r.bit() && *c&one == 0 {
			if *c > 0 {
				*c += one
			} else {
				*c -= one
			}
		}
		k = next + 1
	}
	return last + 1
}

// reconstruct turns a progressive file's coefficients into samples.
func (d *Decoder) reconstruct() {
	for i := range d.ncomp {
		c := &d.comp[i]
		for y := c.y0; y < c.y1; y++ {
			for x := c.x0; x < c.x1; x++ {
				last := d.dequantize(c, x, y)
				inverse(&d.block, last, c.side, c.pix[(y*c.stride+x)*c.side:], c.stride)
				d.block = [64]int16{}
			}
		}
	}
}

// dequantize puts a block's coefficients into d.block, in natural order, and
// returns the position of the last that is not zero.
func (d *Decoder) dequantize(c *component, x, y int) (last int) {
	c.scale[0].apply(&d.block, int32(*c.dcAt(x, y)))
	if c.perBlock == 1 {
		return 0
	}
	b, nonzero := c.coefAt(x, y)
	for rest := *nonzero; rest != 0; rest &= rest - 1 {
		last = mathbits.TrailingZeros64(rest) & 63
		c.scale[last].apply(&d.block, int32(b[last]))
	}
	return last
}
