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
		mem := Aligned(w.Segments*words*n*s.bytes.weightBytes() + 3*n)
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
				for k, v := range row[seg*w.K:][:w.K] {
					if s.bytes.twos {
						numbers64(q.B)[((seg*words*4+k)*n+j)/2] += int64(v) << (j % 2 * 32)
					} else {
						s.bytes.set(q.B, seg*words+k/4, n, j, k%4, v)
					}
				}
			}
		}
		p.Panels = append(p.Panels, q)
		col += q.Cols
	}
	p.Panels = slices.Clip(p.Panels)
	return p
}

// weightBytes is how many bytes a weight of a product takes.
func (k *byteKernels) weightBytes() int {
	if k.twos {
		return 4
	}
	return weightBytes(k.pairs)
}

// numbers64 returns the memory of a panel as 64-bit numbers.
func numbers64(b []int8) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
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
		want = min(v, 2, len(kinds))
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

// byteTile4 is the reference kernel, for panels of 4 columns. A processor multiplies 64 bits
// as fast as 32, so it takes two columns at once: w₀ + 2³²·w₁ times x. The lower half of a
// sum of such products is the sum for the first column, and what is left is 2³² times that
// for the second.
func byteTile4(t *ByteTile) {
	m, i := t.Rows*t.Tiles, 0
	for ; i+2 <= m; i += 2 {
		t.twoRows(i)
	}
	if i < m {
		t.oneRow(i)
	}
}

func (t *ByteTile) twoRows(i int) {
	first, second := t.biases()
	a0, a1, c0, c1 := first, second, first, second
	b := numbers64(t.B)
	for _, off := range t.Offs {
		x := t.A[i*t.LDA+off:][:t.K]
		y := t.A[(i+1)*t.LDA+off:][:len(x)]
		for k, v := range x {
			w, u := (*[2]int64)(b[2*k:]), int64(y[k])
			a0 += int64(v) * w[0]
			a1 += int64(v) * w[1]
			c0 += u * w[0]
			c1 += u * w[1]
		}
		b = b[(t.K+3)/4*8:]
	}
	t.finish(i, a0, a1)
	t.finish(i+1, c0, c1)
}

func (t *ByteTile) oneRow(i int) {
	a0, a1 := t.biases()
	b := numbers64(t.B)
	for _, off := range t.Offs {
		for k, v := range t.A[i*t.LDA+off:][:t.K] {
			w := (*[2]int64)(b[2*k:])
			a0 += int64(v) * w[0]
			a1 += int64(v) * w[1]
		}
		b = b[(t.K+3)/4*8:]
	}
	t.finish(i, a0, a1)
}

// biases returns those of both pairs of columns.
func (t *ByteTile) biases() (first, second int64) {
	b := (*[4]int32)(t.Bias)
	return int64(b[0]) + int64(b[1])<<32, int64(b[2]) + int64(b[3])<<32
}

// finish turns the sums of one row into bytes.
func (t *ByteTile) finish(i int, first, second int64) {
	c := t.C[i*t.LDC:][:t.Cols]
	for j := range c {
		sums := first
		if j > 1 {
			sums = second
		}
		sum := int32(sums)
		if j%2 == 1 {
			sum = int32((sums - int64(sum)) >> 32)
		}
		c[j] = t.at(j, sum)
	}
}
