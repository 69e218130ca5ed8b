package jpegtest

import "encoding/binary"

// A Writer writes markers, segments and entropy-coded bits. Tests use it alone
// for files that no Picture can be.
type Writer struct {
	Out  []byte
	acc  uint32
	n    uint
	code [2][256]uint32 // DC, AC
	size [2][256]uint
}

// Bits appends the lowest n bits of v.
func (w *Writer) Bits(v uint32, n uint) {
	for ; n > 0; n-- {
		w.acc, w.n = w.acc<<1|v>>(n-1)&1, w.n+1
		if w.n == 8 {
			w.Out = append(w.Out, byte(w.acc))
			if byte(w.acc) == 0xff {
				w.Out = append(w.Out, 0)
			}
			w.acc, w.n = 0, 0
		}
	}
}

// Align fills up the last byte.
func (w *Writer) Align() {
	for w.n != 0 {
		w.Bits(1, 1)
	}
}

// Segment appends a marker's segment.
func (w *Writer) Segment(marker byte, content ...byte) {
	w.Out = append(w.Out, 0xff, marker)
	w.Out = binary.BigEndian.AppendUint16(w.Out, uint16(len(content)+2))
	w.Out = append(w.Out, content...)
}

// Table appends a Huffman table, class 0 for DC and 1 for AC, in which symbols
// have codes of the lengths given by counts, in order.
func (w *Writer) Table(class int, counts [16]byte, symbols []byte) {
	code, next := uint32(0), 0
	for i, n := range counts {
		for range int(n) {
			w.code[class][symbols[next]], w.size[class][symbols[next]] = code, uint(i+1)
			code++
			next++
		}
		code <<= 1
	}
	w.Segment(DHT, append(append([]byte{byte(class << 4)}, counts[:]...), symbols...)...)
}

// tables appends tables that hold every symbol a Picture needs.
func (w *Writer) tables(long bool) {
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
		w.Table(0, [16]byte{0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1}, dc)
		w.Table(1, [16]byte{0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 50, byte(len(ac) - 72)}, ac)
		return
	}
	w.Table(0, [16]byte{3: byte(len(dc))}, dc)
	w.Table(1, [16]byte{7: byte(len(ac))}, ac)
}

func (w *Writer) symbol(class int, s uint) { w.Bits(w.code[class][s], w.size[class][s]) }

// Markers (T.81 table B.1).
const (
	SOF1 = 0xc1
	SOF2 = 0xc2
	DHT  = 0xc4
	RST0 = 0xd0
	SOI  = 0xd8
	EOI  = 0xd9
	SOS  = 0xda
	DQT  = 0xdb
	DRI  = 0xdd
)
