package jpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Markers (T.81 table B.1).
const (
	mSOF0  = 0xc0 // baseline
	mSOF1  = 0xc1 // extended sequential
	mSOF2  = 0xc2 // progressive
	mDHT   = 0xc4
	mJPG   = 0xc8
	mDAC   = 0xcc
	mSOF15 = 0xcf
	mRST0  = 0xd0
	mRST7  = 0xd7
	mSOI   = 0xd8
	mEOI   = 0xd9
	mSOS   = 0xda
	mDQT   = 0xdb
	mDRI   = 0xdd
	mAPP0  = 0xe0
	mAPP1  = 0xe1
	mAPP14 = 0xee
	mTEM   = 0x01
)

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// nextMarker finds the next marker from at on and returns the position after
// it. Bytes that belong to no marker are skipped, as are restart markers that
// stand outside a scan: other programs do too, and cameras write both.
func nextMarker(data []byte, at int) (marker byte, next int, ok bool) {
	for at < len(data) {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 {
			break
		}
		at += i
		for at < len(data) && data[at] == 0xff {
			at++
		}
		if at == len(data) {
			break
		}
		m := data[at]
		at++
		if m != 0 && m != mTEM && (m < mRST0 || m > mRST7) {
			return m, at, true
		}
	}
	return 0, len(data), false
}

// segment returns the content of the segment at data[at:], which starts with
// its length, and the position after it.
func segment(data []byte, at int, marker byte) (content []byte, next int, err error) {
	if at+2 > len(data) {
		return nil, 0, corrupt("the file ends in the header of segment %#x", marker)
	}
	n := int(binary.BigEndian.Uint16(data[at:]))
	if n < 2 {
		return nil, 0, corrupt("segment %#x has length %d", marker, n)
	}
	if at+n > len(data) {
		return nil, 0, corrupt("the file ends inside segment %#x", marker)
	}
	return data[at+2 : at+n], at + n, nil
}

// DecodeConfig reads the header up to the first scan.
func (d *Decoder) DecodeConfig(data []byte) (Config, error) {
	if err := d.parseHeader(data); err != nil {
		return Config{}, err
	}
	return d.Config(), nil
}

// parseHeader reads segments up to and including the first scan's header.
func (d *Decoder) parseHeader(data []byte) error {
	d.reset(data)
	if len(data) < 2 || data[0] != 0xff || data[1] != mSOI {
		return corrupt("it does not start with an SOI marker")
	}
	d.at = 2
	more, err := d.parseToScan()
	if err != nil {
		return err
	}
	if !more {
		return corrupt("it has no picture data")
	}
	return nil
}

// parseToScan reads segments up to and including the next scan's header; more
// is false at the end of the picture.
func (d *Decoder) parseToScan() (more bool, err error) {
	for {
		m, at, ok := nextMarker(d.data, d.at)
		if !ok {
			if d.ncomp == 0 {
				return false, corrupt("the file ends before the picture begins")
			}
			d.eof = true
			return false, nil
		}
		d.at = at
		if m == mEOI {
			return false, nil
		}
		if m == mSOI {
			continue
		}
		content, next, err := segment(d.data, at, m)
		if err != nil {
			return false, err
		}
		d.at = next
		if m == mSOS {
			return true, d.parseSOS(content)
		}
		if err := d.parseSegment(m, content); err != nil {
			return false, err
		}
	}
}

func (d *Decoder) parseSegment(m byte, b []byte) error {
	switch {
	case m == mDHT:
		return d.parseDHT(b)
	case m == mDQT:
		return d.parseDQT(b)
	case m == mDRI:
		if len(b) != 2 {
			return corrupt("restart interval of %d bytes", len(b))
		}
		d.restart = int(binary.BigEndian.Uint16(b))
	case m >= mSOF0 && m <= mSOF2:
		return d.parseSOF(m, b)
	case m == mDAC, m >= mSOF0 && m <= mSOF15 && m != mJPG:
		return unsupported("%s", codingName(m))
	case m == mAPP0 && bytes.HasPrefix(b, []byte("JFIF\x00")):
		d.jfif = true
	case m == mAPP1 && bytes.HasPrefix(b, []byte("Exif\x00")) && d.exif == nil:
		d.exif = b
	case m == mAPP14 && len(b) >= 12 && bytes.HasPrefix(b, []byte("Adobe")):
		d.adobe, d.transform = true, b[11]
	}
	return nil
}

// codingName names the processes of T.81 that are not decoded here.
func codingName(m byte) string {
	switch m {
	case 0xc3:
		return "lossless coding"
	case 0xc5, 0xc6, 0xc7, 0xcd, 0xce:
		return "hierarchical coding"
	case 0xcb, mSOF15:
		return "lossless arithmetic coding"
	}
	return "arithmetic coding"
}

func (d *Decoder) parseSOF(m byte, b []byte) error {
	if d.ncomp != 0 {
		return corrupt("it has two frame headers")
	}
	if len(b) < 6 || len(b) != 6+3*int(b[5]) {
		return corrupt("frame header of %d bytes", len(b))
	}
	if b[0] != 8 {
		return unsupported("%d bits a sample", b[0])
	}
	d.progressive = m == mSOF2
	d.height, d.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if d.width == 0 || d.height == 0 {
		return corrupt("its size is %d×%d", d.width, d.height)
	}
	n := int(b[5])
	if n != 1 && n != 3 && n != 4 {
		return unsupported("%d components", n)
	}
	for i, c := 0, b[6:]; i < n; i, c = i+1, c[3:] {
		comp := &d.comp[i]
		comp.id, comp.h, comp.v, comp.tq = c[0], int(c[1]>>4), int(c[1]&15), c[2]
		if comp.h < 1 || comp.h > 4 || comp.v < 1 || comp.v > 4 || comp.tq > 3 {
			return corrupt("component %d: sampling %d×%d, quantisation table %d", i, comp.h, comp.v, comp.tq)
		}
		for j := range i {
			if d.comp[j].id == comp.id {
				return corrupt("two components have the number %d", comp.id)
			}
		}
	}
	d.ncomp = n
	d.layout()
	return d.checkSampling()
}

// checkSampling refuses components that have, say, 2 samples where another has 3:
// libjpeg does too, so nobody knows how they are to be spread.
func (d *Decoder) checkSampling() error {
	for i := range d.ncomp {
		if c := &d.comp[i]; d.maxH%c.h != 0 || d.maxV%c.v != 0 {
			return unsupported("component %d has %d×%d samples where others have %d×%d: fractional sampling", i, c.h, c.v, d.maxH, d.maxV)
		}
	}
	return nil
}

func (d *Decoder) parseDQT(b []byte) error {
	for len(b) > 0 {
		wide, id := b[0]>>4, b[0]&15
		size := 64 << wide
		if wide > 1 || id > 3 || len(b) < 1+size {
			return corrupt("quantisation table %#x in a segment of %d bytes", b[0], len(b))
		}
		q := &d.quant[id]
		for i := range q {
			if wide == 1 {
				q[i] = binary.BigEndian.Uint16(b[1+2*i:])
			} else {
				q[i] = uint16(b[1+i])
			}
		}
		d.haveQuant[id] = true
		b = b[1+size:]
	}
	return nil
}

func (d *Decoder) parseDHT(b []byte) error {
	for len(b) > 0 {
		class, id := b[0]>>4, b[0]&15
		if class > 1 || id > 3 || len(b) < 17 {
			return corrupt("Huffman table %#x in a segment of %d bytes", b[0], len(b))
		}
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if n > 256 || len(b) < 17+n {
			return corrupt("Huffman table %#x has %d codes", b[0], n)
		}
		if err := d.huff[class][id].define(b[1:17+n], class == 1); err != nil {
			return err
		}
		b = b[17+n:]
	}
	return nil
}

// parseSOS reads a scan's header and sets d.scan.
func (d *Decoder) parseSOS(b []byte) error {
	if d.ncomp == 0 {
		return corrupt("a scan comes before the frame header")
	}
	if len(b) < 1 || b[0] < 1 || b[0] > 4 || len(b) != 4+2*int(b[0]) {
		return corrupt("scan header of %d bytes", len(b))
	}
	s := &d.scan
	*s = scan{n: int(b[0])}
	for i := range s.n {
		id, tables := b[1+2*i], b[2+2*i]
		c := d.component(id)
		if c == nil {
			return corrupt("a scan of component %d, which the frame does not have", id)
		}
		for j := range i {
			if s.comp[j] == c {
				return corrupt("a scan has component %d twice", id)
			}
		}
		if tables>>4 > 3 || tables&15 > 3 {
			return corrupt("a scan uses Huffman tables %#x", tables)
		}
		s.comp[i], s.dc[i], s.ac[i] = c, &d.huff[0][tables>>4], &d.huff[1][tables&15]
	}
	if n := s.mcuBlocks(); n > maxMCUBlocks {
		return corrupt("a scan codes %d blocks at a time, at most %d are allowed", n, maxMCUBlocks)
	}
	t := b[1+2*s.n:]
	s.first, s.last, s.high, s.low = int(t[0]), int(t[1]), int(t[2]>>4), int(t[2]&15)
	return d.checkScan()
}

// maxMCUBlocks is how many blocks an MCU of several components may have (T.81
// B.2.3).
const maxMCUBlocks = 10

// mcuBlocks is the number of blocks of an MCU: one where a component stands alone.
func (s *scan) mcuBlocks() int {
	if s.n == 1 {
		return 1
	}
	n := 0
	for _, c := range s.comp[:s.n] {
		n += c.h * c.v
	}
	return n
}

func (d *Decoder) component(id byte) *component {
	for i := range d.ncomp {
		if d.comp[i].id == id {
			return &d.comp[i]
		}
	}
	return nil
}

// color applies libjpeg's rules for what components mean.
func (d *Decoder) color() ColorModel {
	switch d.ncomp {
	case 1:
		return Gray
	case 3:
		switch ids := [3]byte{d.comp[0].id, d.comp[1].id, d.comp[2].id}; {
		case d.jfif:
			return YCbCr
		case d.adobe && d.transform == 0, !d.adobe && ids == [3]byte{'R', 'G', 'B'}:
			return RGB
		}
		return YCbCr
	}
	if d.adobe && d.transform == 2 {
		return YCCK
	}
	return CMYK
}

// Config is what the header says that was read last.
func (d *Decoder) Config() Config {
	return Config{Width: d.width, Height: d.height, Components: d.ncomp, Color: d.color(), Progressive: d.progressive, EXIF: d.exif}
}
