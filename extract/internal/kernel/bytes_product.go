package kernel

import (
	"slices"
	"unsafe"
)

// A ByteTile is one call of a product kernel on bytes: Tiles×Rows rows of A times one
// panel of signed weights. The sums are exact. Lengths and strides are in bytes.
type ByteTile struct {
	A    []byte // from the first element of row 0
	Offs []int  // where each segment of a row begins, from the row's first element
	K    int    // length of a segment
	LDA  int    // from one row of A to the next

	B    []int8  // the panel: words of four weights of a column, width words a row
	Bias []int32 // width values, added to the sums

	C   []byte // from row 0, first column of the panel
	LDC int

	Requantize

	Cols  int // columns to write, at most the panel's width
	Rows  int // rows of a tile
	Tiles int // tiles, one below the other
}

// A PackedBytes holds the weights of one product of bytes, K×N, in the form that the
// set's kernels read.
type PackedBytes struct {
	N      int
	Panels []BytePanel
}

// A BytePanel is a group of columns of the weights.
type BytePanel struct {
	Col, Cols     int // first column, and how many of them are real
	B             []int8
	Bias          []int32
	Scale, Offset []float32
	kind          *bytePanelKind
}

type bytePanelKind struct {
	width int                 // columns
	rows  int                 // most rows that one tile may have
	tile  []func(t *ByteTile) // by rows of a tile
}

// Bytes returns how much memory the packed weights take.
func (p *PackedBytes) Bytes() int {
	n := 0
	for _, q := range p.Panels {
		n += len(q.B) + 12*q.kind.width
	}
	return n
}

// ByteWeights are the weights of a product as N rows, each of Segments segments of K
// weights, and for each row a bias and the Scale and Offset of its Requantize.
type ByteWeights struct {
	N, Segments, K int
	W              []int8
	Bias           []int32
	Scale, Offset  []float32
}

// PackBytes lays out weights for the set's kernels.
func (s *Set) PackBytes(w ByteWeights) *PackedBytes {
	p := &PackedBytes{N: w.N}
	words := (w.K + 3) / 4
	for col := 0; col < w.N; {
		kind := s.bytePanelFor(w.N-col, w.Segments*words)
		q := BytePanel{Col: col, Cols: min(kind.width, w.N-col), kind: kind}
		n := kind.width
		mem := Aligned(w.Segments*words*n*weightBytes(s.bytes.pairs) + 3*n)
		q.Bias = Words(mem[:n])
		q.Scale, q.Offset = mem[n:2*n:2*n], mem[2*n:3*n:3*n]
		b := BytesOf(mem[3*n:])
		q.B = unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
		copy(q.Bias, w.Bias[col:col+q.Cols])
		copy(q.Scale, w.Scale[col:col+q.Cols])
		copy(q.Offset, w.Offset[col:col+q.Cols])
		for j := range q.Cols {
			row := w.W[(col+j)*w.Segments*w.K:]
			for seg := range w.Segments {
				for k := range w.K {
					s.bytes.set(q.B, seg*words+k/4, n, j, k%4, row[seg*w.K+k])
				}
			}
		}
		p.Panels = append(p.Panels, q)
		col += q.Cols
	}
	p.Panels = slices.Clip(p.Panels)
	return p
}

// weightBytes is how many bytes a weight takes.
func weightBytes(pairs bool) int {
	if pairs {
		return 2
	}
	return 1
}

// storeWeight writes a weight at the beginning of b, little-endian.
func storeWeight(b []int8, w int8, pairs bool) {
	if b[0] = w; pairs {
		b[1] = w >> 7
	}
}

// set sets the i-th weight of the word in a row and column of a panel of n columns. As
// pairs of 16 bits, the first and third of every word in the row come first, then the
// second and fourth.
func (k *byteKernels) set(b []int8, row, n, col, i int, w int8) {
	at := (row*n+col)*4 + i
	if k.pairs {
		at = (((2*row+i%2)*n+col)*2 + i/2) * 2
	}
	storeWeight(b[at:], w, k.pairs)
}

// deepWords is how many words of a column make a panel of four vectors larger than what
// the first-level cache holds beside other things.
const deepWords = 96

// bytePanelFor returns the kind of panel to use when n columns of so many words are left:
// the widest, unless that would leave a narrow one. Of deep ones two vectors are enough, so
// that tiles have more rows: each of them reads all weights from the second-level cache.
func (s *Set) bytePanelFor(n, words int) *bytePanelKind {
	kinds := s.bytes.panels
	unit := kinds[len(kinds)-1].width
	want := len(kinds)
	switch v := (n + unit - 1) / unit; {
	case words > deepWords:
		want = min(v, 2)
	case v < want:
		want = v
	case want == 4 && (v == 5 || v == 6 || v == 9):
		want = 3
	}
	return &kinds[len(kinds)-want]
}

// Multiply computes m rows of the product for the panel. The caller has set A, Offs, K,
// LDA, C at the panel's first column, LDC, ZeroPoint and Max. It changes t.
func (q *BytePanel) Multiply(t *ByteTile, m int) {
	t.B, t.Bias, t.Scale, t.Offset, t.Cols = q.B, q.Bias, q.Scale, q.Offset, q.Cols
	tiles := (m + q.kind.rows - 1) / q.kind.rows
	rows := m / tiles
	more := m - rows*tiles // this many tiles have one row more
	if more > 0 {
		q.tiles(t, rows+1, more)
		done := (rows + 1) * more
		t.A, t.C = t.A[done*t.LDA:], t.C[done*t.LDC:]
	}
	q.tiles(t, rows, tiles-more)
}

func (q *BytePanel) tiles(t *ByteTile, rows, tiles int) {
	t.Rows, t.Tiles = rows, tiles
	q.kind.tile[rows](t)
}

func sameBytesForAll(f func(t *ByteTile), rows int) []func(t *ByteTile) {
	return slices.Repeat([]func(t *ByteTile){f}, rows+1)
}

// byteTile4 is the reference kernel, for panels of 4 columns.
func byteTile4(t *ByteTile) {
	for i := range t.Rows * t.Tiles {
		sum := [4]int32(t.Bias)
		b := t.B
		for _, off := range t.Offs {
			for k, x := range t.A[i*t.LDA+off:][:t.K] {
				w := b[k/4*16+k%4:]
				v := int32(x)
				sum[0] += v * int32(w[0])
				sum[1] += v * int32(w[4])
				sum[2] += v * int32(w[8])
				sum[3] += v * int32(w[12])
			}
			b = b[(t.K+3)/4*16:]
		}
		for j := range t.Cols {
			t.C[i*t.LDC+j] = t.at(j, sum[j])
		}
	}
}
