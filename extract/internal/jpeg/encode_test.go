package jpeg

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A sketch is a JPEG to be written for a test: random coefficients in a frame of
// any shape.
type sketch struct {
	width, height int
	h, v          []int // sampling factors
	restart       int
	wideQuant     bool // 16-bit quantisation tables
	interleaved   bool
	longCodes     bool // Huffman codes of up to 16 bits

	quant [64]uint16
	coef  [][]([64]int16) // by component and block, zigzag order, before quantisation's inverse
}

// blocks returns the rows and columns of blocks of component c: filled up to
// whole MCUs, and those that hold samples.
func (s *sketch) blocks(c int) (padX, padY, usedX, usedY int) {
	maxH, maxV := s.max()
	mx, my := ceilDiv(s.width, 8*maxH), ceilDiv(s.height, 8*maxV)
	w, h := ceilDiv(s.width*s.h[c], maxH), ceilDiv(s.height*s.v[c], maxV)
	return mx * s.h[c], my * s.v[c], ceilDiv(w, 8), ceilDiv(h, 8)
}

func (s *sketch) max() (h, v int) {
	for c := range s.h {
		h, v = max(h, s.h[c]), max(v, s.v[c])
	}
	return h, v
}

// fill draws coefficients: few, as in photos, or many.
func (s *sketch) fill(rng *rand.Rand) {
	for k := range s.quant {
		s.quant[k] = uint16(1 + rng.IntN(30))
		if s.wideQuant {
			s.quant[k] += 300
		}
	}
	for c := range s.h {
		padX, padY, _, _ := s.blocks(c)
		blocks := make([][64]int16, padX*padY)
		for i := range blocks {
			blocks[i][0] = int16(rng.IntN(100) - 50)
			for n := rng.IntN(20); n > 0; n-- {
				k := 1 + rng.IntN(63)
				blocks[i][k] = int16(rng.IntN(41) - 20)
			}
		}
		s.coef = append(s.coef, blocks)
	}
}

// writer writes entropy-coded bits.
type writer struct {
	out  []byte
	acc  uint32
	n    uint
	code [2][256]uint32 // DC, AC
	size [2][256]uint
}

func (w *writer) bits(v uint32, n uint) {
	for ; n > 0; n-- {
		w.acc, w.n = w.acc<<1|v>>(n-1)&1, w.n+1
		if w.n == 8 {
			w.out = append(w.out, byte(w.acc))
			if byte(w.acc) == 0xff {
				w.out = append(w.out, 0)
			}
			w.acc, w.n = 0, 0
		}
	}
}

func (w *writer) align() {
	for w.n != 0 {
		w.bits(1, 1)
	}
}

func (w *writer) segment(marker byte, content ...byte) {
	w.out = append(w.out, 0xff, marker)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(content)+2))
	w.out = append(w.out, content...)
}

// table writes a Huffman table in which symbols have codes of the lengths given
// by counts, in order.
func (w *writer) table(class int, counts [16]byte, symbols []byte) {
	code, next := uint32(0), 0
	for i, n := range counts {
		for range int(n) {
			w.code[class][symbols[next]], w.size[class][symbols[next]] = code, uint(i+1)
			code++
			next++
		}
		code <<= 1
	}
	w.segment(mDHT, append(append([]byte{byte(class << 4)}, counts[:]...), symbols...)...)
}

func (w *writer) tables(long bool) {
	var dc, ac []byte
	for s := range 12 {
		dc = append(dc, byte(s))
	}
	for run := range 16 {
		for size := range 11 {
			if size > 0 || run == 0 || run == 15 {
				ac = append(ac, byte(run<<4|size))
			}
		}
	}
	if long {
		w.table(0, [16]byte{0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1}, dc)
		w.table(1, [16]byte{0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 50, byte(len(ac) - 72)}, ac)
		return
	}
	w.table(0, [16]byte{3: byte(len(dc))}, dc)
	w.table(1, [16]byte{7: byte(len(ac))}, ac)
}

func category(v int) (size uint, bits uint32) {
	a := max(v, -v)
	for ; a>>size > 0; size++ {
	}
	if v < 0 {
		v += 1<<size - 1
	}
	return size, uint32(v)
}

func (w *writer) block(b *[64]int16, pred *int) {
	size, bits := category(int(b[0]) - *pred)
	*pred = int(b[0])
	w.bits(w.code[0][size], w.size[0][size])
	w.bits(bits, size)
	run := 0
	for k := 1; k < 64; k++ {
		if b[k] == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			w.bits(w.code[1][0xf0], w.size[1][0xf0])
		}
		size, bits := category(int(b[k]))
		symbol := uint(run)<<4 | size
		w.bits(w.code[1][symbol], w.size[1][symbol])
		w.bits(bits, size)
		run = 0
	}
	if run > 0 {
		w.bits(w.code[1][0], w.size[1][0])
	}
}

// encode writes the file.
func (s *sketch) encode() []byte {
	w := &writer{out: []byte{0xff, mSOI}}
	quant := []byte{0}
	for _, q := range s.quant {
		if s.wideQuant {
			quant[0] = 0x10
			quant = append(quant, byte(q>>8))
		}
		quant = append(quant, byte(q))
	}
	w.segment(mDQT, quant...)
	frame := []byte{8, byte(s.height >> 8), byte(s.height), byte(s.width >> 8), byte(s.width), byte(len(s.h))}
	for c := range s.h {
		frame = append(frame, byte(c+1), byte(s.h[c]<<4|s.v[c]), 0)
	}
	w.segment(mSOF1, frame...)
	w.tables(s.longCodes)
	if s.restart > 0 {
		w.segment(mDRI, byte(s.restart>>8), byte(s.restart))
	}
	if s.interleaved || len(s.h) == 1 {
		all := make([]int, len(s.h))
		for c := range all {
			all[c] = c
		}
		s.scan(w, all)
	} else {
		for c := range s.h {
			s.scan(w, []int{c})
		}
	}
	return append(w.out, 0xff, mEOI)
}

func (s *sketch) scan(w *writer, comps []int) {
	head := []byte{byte(len(comps))}
	for _, c := range comps {
		head = append(head, byte(c+1), 0)
	}
	w.segment(mSOS, append(head, 0, 63, 0)...)
	var pred [4]int
	maxH, maxV := s.max()
	mcusX, mcusY := ceilDiv(s.width, 8*maxH), ceilDiv(s.height, 8*maxV)
	if len(comps) == 1 {
		_, _, mcusX, mcusY = s.blocks(comps[0])
	}
	for mcu := range mcusX * mcusY {
		if s.restart > 0 && mcu > 0 && mcu%s.restart == 0 {
			w.align()
			w.out = append(w.out, 0xff, byte(mRST0+(mcu/s.restart-1)%8))
			pred = [4]int{}
		}
		for _, c := range comps {
			padX, _, _, _ := s.blocks(c)
			h, v := s.h[c], s.v[c]
			if len(comps) == 1 {
				h, v = 1, 1
			}
			for y := range v {
				for x := range h {
					w.block(&s.coef[c][(mcu/mcusX*v+y)*padX+mcu%mcusX*h+x], &pred[c])
				}
			}
		}
	}
	w.align()
}

func drawSketch(t *rapid.T) *sketch {
	s := &sketch{
		width: rapid.IntRange(1, 70).Draw(t, "width"), height: rapid.IntRange(1, 70).Draw(t, "height"),
		wideQuant: rapid.Bool().Draw(t, "wideQuant"), interleaved: rapid.Bool().Draw(t, "interleaved"),
		longCodes: rapid.Bool().Draw(t, "longCodes"), restart: rapid.SampledFrom([]int{0, 0, 1, 3, 10}).Draw(t, "restart"),
	}
	for range rapid.SampledFrom([]int{1, 3, 4}).Draw(t, "components") {
		s.h = append(s.h, rapid.IntRange(1, 4).Draw(t, "h"))
		s.v = append(s.v, rapid.IntRange(1, 4).Draw(t, "v"))
	}
	s.fill(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
	return s
}

// TestAnySampling: files of any sampling factors, scans, restart intervals and
// tables decode to their coefficients' samples.
func TestAnySampling(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		s := drawSketch(t)
		m, err := d.Decode(s.encode(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Width != s.width || m.Height != s.height || m.Damaged != 0 {
			t.Fatalf("decoded %+v", m)
		}
		for c := range m.Planes {
			s.compare(t, c, &m.Planes[c])
		}
	})
}

func (s *sketch) compare(t *rapid.T, c int, p *Plane) {
	padX, _, _, _ := s.blocks(c)
	maxH, maxV := s.max()
	if p.Width != ceilDiv(s.width*s.h[c], maxH) || p.Height != ceilDiv(s.height*s.v[c], maxV) {
		t.Fatalf("component %d is %d×%d", c, p.Width, p.Height)
	}
	var want [64]byte
	for y := 0; y < p.Height; y += 8 {
		for x := 0; x < p.Width; x += 8 {
			var b [64]int16
			for k, v := range s.coef[c][y/8*padX+x/8] {
				b[natural[k]] = int16(int32(v) * int32(s.quant[k]))
			}
			idct8Generic(&b, 63, want[:], 8)
			for by := range min(8, p.Height-y) {
				for bx := range min(8, p.Width-x) {
					if got := p.Pix[(y+by)*p.Stride+x+bx]; got != want[8*by+bx] {
						t.Fatalf("component %d, sample %d,%d: %d, want %d", c, x+bx, y+by, got, want[8*by+bx])
					}
				}
			}
		}
	}
}

// TestEveryTruncation: a file cut anywhere before its end marker is an error.
func TestEveryTruncation(t *testing.T) {
	var d Decoder
	files := references(t)
	s := &sketch{width: 40, height: 30, h: []int{2, 1, 1}, v: []int{1, 1, 2}, interleaved: true, restart: 2}
	s.fill(rand.New(rand.NewPCG(7, 7)))
	files["sketch"] = s.encode()
	for name, data := range files {
		for n := range len(data) - 2 {
			if _, err := d.Decode(data[:n], Options{}); err == nil {
				// The last bits may be padding, and of a sequential file the end
				// marker may be missing.
				if n < len(data)-3 || d.progressive {
					t.Fatalf("%s: %d of %d bytes decode without an error", name, n, len(data))
				}
			}
		}
	}
}

// TestDamageBetweenRestartMarkers: damage stays where it is, is counted, and
// only counts as an error where there are no restart markers.
func TestDamageBetweenRestartMarkers(t *testing.T) {
	s := &sketch{width: 64, height: 32, h: []int{1}, v: []int{1}, restart: 8}
	s.fill(rand.New(rand.NewPCG(8, 8)))
	whole := s.encode()
	// The second interval, which is the second row of blocks, becomes a code that
	// no table has.
	var intervals []int
	for i := range whole[:len(whole)-1] {
		if whole[i] == 0xff && whole[i+1] >= mRST0 && whole[i+1] <= mRST7 {
			intervals = append(intervals, i)
		}
	}
	damaged := append([]byte{}, whole[:intervals[0]+2]...)
	damaged = append(damaged, 0xff, 0, 0xff, 0)
	damaged = append(damaged, whole[intervals[1]:]...)
	var d, e Decoder
	want, err := e.Decode(whole, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Decode(damaged, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Damaged != 1 {
		t.Errorf("%d damaged intervals, want 1", got.Damaged)
	}
	for y := range 32 {
		for x := range 64 {
			g, w := got.Planes[0].Pix[y*64+x], want.Planes[0].Pix[y*64+x]
			if y/8 == 1 {
				w = 128
			}
			if g != w {
				t.Fatalf("sample %d,%d: %d, want %d", x, y, g, w)
			}
		}
	}
	// One marker gone: nobody knows what belongs where.
	if _, err := d.Decode(append(append([]byte{}, whole[:intervals[0]]...), whole[intervals[0]+2:]...), Options{}); err == nil {
		t.Error("a file without one of its restart markers decodes without an error")
	}
}

// TestScanBomb: a few bytes a scan must not buy unlimited passes over a picture.
func TestScanBomb(t *testing.T) {
	w := &writer{out: []byte{0xff, mSOI}}
	w.segment(mDQT, make([]byte, 65)...)
	w.segment(mSOF2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)
	w.table(0, [16]byte{0: 1}, []byte{0})
	w.table(1, [16]byte{0: 1}, []byte{0}) // nothing but ends of blocks
	scan := func(k, high, low byte) {
		w.segment(mSOS, 1, 1, 0, k, k, high<<4|low)
		w.out = append(w.out, 0x7f)
	}
	scan(0, 0, 0)
	for k := byte(1); k < 64; k++ {
		scan(k, 0, 13)
		for low := byte(13); low > 0; low-- {
			scan(k, low, low-1)
		}
	}
	var d Decoder
	_, err := d.Decode(append(w.out, 0xff, mEOI), Options{})
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "scans") {
		t.Errorf("got %v, want an error about too many scans", err)
	}
	if d.scans != maxScans+1 {
		t.Errorf("stopped at scan %d", d.scans)
	}
}
