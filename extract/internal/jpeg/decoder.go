package jpeg

import "unsafe"

// A Decoder decodes one file after another, reusing its memory. The zero value
// is ready; one goroutine uses it at a time.
type Decoder struct {
	data []byte
	at   int  // position in data
	eof  bool // the file ended without an EOI marker

	width, height int
	progressive   bool
	jfif, adobe   bool
	transform     byte // Adobe's
	exif          []byte

	ncomp      int
	comp       [4]component
	maxH, maxV int
	mcusX      int
	mcusY      int

	quant     [4][64]uint16 // in zigzag order
	haveQuant [4]bool
	huff      [2][4]huffman // DC, AC
	restart   int           // MCUs between restart markers, or 0

	scan    scan
	scans   int
	damaged int
	bits    bits
	block   [64]int16
	eobRun  int // progressive: blocks still to skip

	image Image
}

// A component is one colour channel of the frame.
type component struct {
	id   byte
	h, v int  // sampling factors
	tq   byte // number of the quantisation table

	width, height    int // samples
	blocksX, blocksY int // blocks, filled up to whole MCUs
	usedX, usedY     int // blocks that hold samples: what a scan of this component alone codes

	scale   [64]scale // by zigzag position, as it was at the component's first scan
	scanned bool
	pred    int32

	// Progressive files: the coefficients that are needed, block by block in zigzag order,
	// all 64 or only the DC; which of a block's coefficients 1…63 are not zero, if there
	// are all; and by position how many low bits have not been sent yet, or notSent.
	coef     []int16
	perBlock int
	nonzero  []uint64
	level    [64]int8

	// Output: a block becomes side×side samples of pix, if it is among
	// columns x0…x1 and rows y0…y1 of blocks.
	side           int
	wider          int // how many times the samples there are for its sampling factors
	pix            []byte
	stride         int
	x0, x1, y0, y1 int
}

const notSent = -1

// A scale is what happens to a coefficient after decoding: it is multiplied by
// the upper bits and moved to the natural position in the lower 8. One number,
// because the innermost loop loads it.
type scale uint32

func newScale(quant uint16, natural uint8) scale { return scale(quant)<<8 | scale(natural) }

func (s scale) apply(block *[64]int16, v int32) { block[s&63] = int16(v * int32(s>>8)) }

// A scan is the header of one pass over some components.
type scan struct {
	n                      int
	comp                   [4]*component
	dc, ac                 [4]*huffman
	first, last, high, low int // spectral selection, successive approximation
}

// maxScans bounds the time a progressive file can cost: each scan may visit
// every block for a few bytes of data. Encoders write about ten.
const maxScans = 200

func (d *Decoder) reset(data []byte) {
	d.data, d.at, d.eof = data, 0, false
	d.ncomp, d.progressive, d.jfif, d.adobe, d.transform, d.exif = 0, false, false, false, 0, nil
	d.restart, d.scans, d.damaged = 0, 0, 0
	d.haveQuant = [4]bool{}
	for class := range d.huff {
		for i := range d.huff[class] {
			d.huff[class][i].defined = false
		}
	}
	for i := range d.comp {
		c := &d.comp[i]
		c.scanned = false
		for k := range c.level {
			c.level[k] = notSent
		}
	}
}

// layout derives the sizes of components from the frame header.
func (d *Decoder) layout() {
	d.maxH, d.maxV = 1, 1
	for i := range d.ncomp {
		d.maxH, d.maxV = max(d.maxH, d.comp[i].h), max(d.maxV, d.comp[i].v)
	}
	d.mcusX, d.mcusY = ceilDiv(d.width, 8*d.maxH), ceilDiv(d.height, 8*d.maxV)
	for i := range d.ncomp {
		c := &d.comp[i]
		c.width, c.height = ceilDiv(d.width*c.h, d.maxH), ceilDiv(d.height*c.v, d.maxV)
		c.usedX, c.usedY = ceilDiv(c.width, 8), ceilDiv(c.height, 8)
		c.blocksX, c.blocksY = d.mcusX*c.h, d.mcusY*c.v
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// Decode decodes a file. The image's planes belong to d until its next Decode.
// The caller has checked the size with DecodeConfig, and what it takes with Memory.
func (d *Decoder) Decode(data []byte, opt Options) (*Image, error) {
	if err := d.parseHeader(data); err != nil {
		return nil, err
	}
	if err := d.prepare(opt); err != nil {
		return nil, err
	}
	for more := true; more; {
		d.scans++
		if d.scans > maxScans {
			return nil, corrupt("it has more than %d scans", maxScans)
		}
		err := d.decodeScan()
		if err == nil {
			more, err = d.parseToScan()
		}
		if err != nil {
			return nil, err
		}
	}
	if err := d.checkComplete(); err != nil {
		return nil, err
	}
	if d.progressive {
		d.reconstruct()
	}
	return d.output(max(opt.Scale, 1)), nil
}

// prepare sizes the memory for the planes and, in a progressive file, the
// coefficients.
func (d *Decoder) prepare(opt Options) error {
	reduce := max(opt.Scale, 1)
	if reduce != 1 && reduce != 2 && reduce != 4 && reduce != 8 {
		return unsupported("a scale of 1/%d", opt.Scale)
	}
	blocks := 0
	for i := range d.ncomp {
		blocks += d.comp[i].usedX * d.comp[i].usedY
	}
	if blocks/8 > len(d.data)-d.at {
		// A block takes at least a bit.
		return corrupt("%d bytes cannot hold the %d×%d pixels of its header", len(d.data), d.width, d.height)
	}
	region := opt.Region
	if region.empty() {
		region = Rect{0, 0, d.width, d.height}
	}
	for i := range d.ncomp {
		c := &d.comp[i]
		c.side, c.wider = d.blockSide(c, reduce)
		c.stride = c.blocksX * c.side
		c.pix = grow(c.pix, c.stride*c.blocksY*c.side)
		// One sample more on each side: upsampling looks at neighbours. At a reduced size it is
		// as wide as several of the full one.
		wide := 8 / c.side
		c.x0, c.x1 = blockRange(region.X0*c.h/d.maxH-wide, ceilDiv(region.X1*c.h, d.maxH)+wide, c.blocksX)
		c.y0, c.y1 = blockRange(region.Y0*c.v/d.maxV-wide, ceilDiv(region.Y1*c.v, d.maxV)+wide, c.blocksY)
		if d.progressive {
			c.perBlock = coefsPerBlock(c.side)
			c.coef = grow(c.coef, c.blocksX*c.blocksY*c.perBlock)
			clear(c.coef)
			if c.perBlock > 1 {
				c.nonzero = grow(c.nonzero, c.blocksX*c.blocksY)
				clear(c.nonzero)
			}
		}
	}
	return nil
}

// blockSide is how many samples a side of a block of c has at a reduced size. Components
// that are subsampled need not be reduced as much, as libjpeg has it: by half of that, or
// a quarter, as far as they are subsampled in both directions. wider says how much less.
func (d *Decoder) blockSide(c *component, reduce int) (side, wider int) {
	side, wider = 8/reduce, 1
	for side < 8 && d.maxH%(2*wider*c.h) == 0 && d.maxV%(2*wider*c.v) == 0 {
		side, wider = 2*side, 2*wider
	}
	return side, wider
}

// coefsPerBlock is how many coefficients of a block a progressive file's scans are
// collected for: a block of one sample needs its mean, the DC.
func coefsPerBlock(side int) int {
	if side == 1 {
		return 1
	}
	return 64
}

// Memory is how many bytes Decode will need for the file whose header was read
// last: its planes, a progressive file's coefficients, and a copy of its data.
func (d *Decoder) Memory(opt Options) int64 {
	n := int64(len(d.data)) + blockBytes
	for i := range d.ncomp {
		c := &d.comp[i]
		side, _ := d.blockSide(c, max(opt.Scale, 1))
		if side == 1 && !d.progressive {
			n += int64(unsafe.Sizeof(skipTable{}))
		}
		block := side * side
		if d.progressive {
			if block += 2 * coefsPerBlock(side); side > 1 {
				block += 8
			}
		}
		n += int64(c.blocksX) * int64(c.blocksY) * int64(block)
	}
	return n
}

// Trim lets go of the memory for planes and coefficients if it is more than so many
// bytes. The last image is then no longer valid.
func (d *Decoder) Trim(most int) {
	n := cap(d.bits.buf)
	for i := range d.comp {
		c := &d.comp[i]
		n += cap(c.pix) + 2*cap(c.coef) + 8*cap(c.nonzero)
	}
	if n <= most {
		return
	}
	d.bits.buf = nil
	for i := range d.comp {
		c := &d.comp[i]
		c.pix, c.coef, c.nonzero = nil, nil, nil
	}
	d.image = Image{}
}

// blockRange returns the blocks that hold samples from…to, at most n.
func blockRange(from, to, n int) (first, end int) {
	return min(max(from, 0)/8, n), min(ceilDiv(max(to, 0), 8), n)
}

// keepBytes is how much memory is kept for the next file even if this one needs
// far less.
const keepBytes = 32 << 20

// grow returns s with length n, in the same memory unless that is too small, or
// large and mostly unused: one huge photo must not cost memory for ever.
func grow[T any](s []T, n int) []T {
	if size := int(unsafe.Sizeof(*new(T))); cap(s) < n || cap(s) > 4*n && cap(s)*size > keepBytes {
		return make([]T, n)
	}
	return s[:n]
}

// checkScan checks a scan header against the frame and what was sent before.
func (d *Decoder) checkScan() error {
	s := &d.scan
	for i := range s.n {
		c := s.comp[i]
		if !c.scanned {
			if !d.haveQuant[c.tq] {
				return corrupt("quantisation table %d is missing", c.tq)
			}
			for k, q := range d.quant[c.tq] {
				c.scale[k] = newScale(q, natural[k])
			}
		}
		if needDC := !d.progressive || s.first == 0 && s.high == 0; needDC && !s.dc[i].defined {
			return corrupt("the Huffman table of a component's DC is missing")
		}
		if needAC := !d.progressive || s.first > 0; needAC && !s.ac[i].defined {
			return corrupt("the Huffman table of a component's AC is missing")
		}
	}
	if d.progressive {
		return d.checkProgression()
	}
	for i := range s.n {
		if s.comp[i].scanned {
			return corrupt("a component is coded twice")
		}
		s.comp[i].scanned = true
	}
	s.first, s.last, s.high, s.low = 0, 63, 0, 0 // as libjpeg: whatever the file says
	return nil
}

// checkComplete reports what a file that has ended did not contain. A sequential
// file may lack its end marker, because whether it is complete is seen without;
// of a progressive file nobody knows what else would have come.
func (d *Decoder) checkComplete() error {
	if d.eof && d.progressive {
		return corrupt("the file ends without an end marker: it is truncated")
	}
	for i := range d.ncomp {
		c := &d.comp[i]
		if !c.scanned {
			return corrupt("component %d is missing", i)
		}
		if !d.progressive {
			continue
		}
		for k, l := range c.level {
			// An encoder may leave out coefficients that are all zero.
			if l > 0 || l == notSent && k == 0 {
				return corrupt("it is incomplete: the last bits of component %d were not sent", i)
			}
		}
	}
	return nil
}

func (d *Decoder) output(reduce int) *Image {
	m := &d.image
	planes := m.Planes[:0]
	for i := range d.ncomp {
		c := &d.comp[i]
		p := Plane{
			Pix: c.pix, Stride: c.stride, H: c.h * c.wider, V: c.v * c.wider,
			Width: ceilDiv(c.width*c.side, 8), Height: ceilDiv(c.height*c.side, 8),
		}
		planes = append(planes, p)
	}
	*m = Image{Config: d.Config(), Planes: planes, MaxH: d.maxH, MaxV: d.maxV, Scale: reduce, Damaged: d.damaged}
	return m
}
