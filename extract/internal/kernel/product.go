package kernel

import (
	"slices"
	"unsafe"
)

// A Tile is one call of a product kernel: Tiles×Rows rows of A times one panel.
// Lengths and strides are in floats.
type Tile struct {
	A    []float32 // from the first element of row 0
	Offs []int     // where each segment of a row begins, from the row's first element
	K    int       // length of a segment
	LDA  int       // from one row of A to the next

	B    []float32 // len(Offs)·K × width: the panel
	Bias []float32 // width values

	C   []float32 // from row 0, first column of the panel
	LDC int
	R   []float32 // added before clipping, as C; nil for none
	LDR int

	Lo, Hi float32 // bounds of the results; infinite for none

	Cols  int // columns to write, at most the panel's width
	Rows  int // rows of a tile
	Tiles int // tiles, one below the other

	// The memory behind B is read next. Kernels prefetch it meanwhile: from Ahead on,
	// AheadStep bytes every two steps of K.
	Ahead     uintptr
	AheadStep int

	// Several calls in a row may read the same weights: this is number Call of Calls, and
	// each prefetches its share. Both are zero for a single call.
	Call, Calls int
}

// A Packed holds the weights of one product, K×N, in the form that the set's
// kernels read.
type Packed struct {
	K, N   int
	Panels []Panel
	set    *Set
}

// A Panel is a group of columns of the weights.
type Panel struct {
	Col, Cols int       // first column, and how many of them are real
	B, Bias   []float32 // K × width; width values
	kind      *panelKind
}

// Bytes returns how much memory the packed weights take.
func (p *Packed) Bytes() int {
	n := 0
	for _, q := range p.Panels {
		n += 4 * (len(q.B) + len(q.Bias))
	}
	return n
}

// Pack lays out weights given as N rows of K values each, row-major, and N
// biases (nil for none) for the set's kernels.
func (s *Set) Pack(n, k int, weights, bias []float32) *Packed {
	p := s.NewPacked(n, k)
	p.Fill(weights, 1, k)
	for _, q := range p.Panels {
		if bias != nil {
			copy(q.Bias, bias[q.Col:q.Col+q.Cols])
		}
	}
	return p
}

// PackEach packs several products of one shape, without biases, that are computed one
// after the other: they lie in memory in this order.
func (s *Set) PackEach(n, k int, weights [][]float32) []*Packed {
	all := make([]*Packed, len(weights))
	size := 0
	for i := range all {
		all[i], size = s.panelsOf(n, k)
	}
	mem := Aligned(size * len(all))
	for i, p := range all {
		p.place(mem[i*size:][:size])
		p.Fill(weights[i], 1, k)
	}
	return all
}

// NewPacked returns zero weights K×N, for Fill. The panels share one piece of
// memory: each is fetched while the one before it is used.
func (s *Set) NewPacked(n, k int) *Packed {
	p, size := s.panelsOf(n, k)
	p.place(Aligned(size))
	return p
}

// panelsOf cuts a product into panels and returns how many floats they take.
func (s *Set) panelsOf(n, k int) (*Packed, int) {
	p := &Packed{K: k, N: n, set: s}
	size := 0
	for col := 0; col < n; {
		kind := s.panelFor(n - col)
		q := Panel{Col: col, Cols: min(kind.width, n-col), kind: kind}
		p.Panels = append(p.Panels, q)
		size += q.floats(k)
		col += q.Cols
	}
	p.Panels = slices.Clip(p.Panels)
	return p, size
}

func (p *Packed) place(mem []float32) {
	for i := range p.Panels {
		q := &p.Panels[i]
		b := p.K * q.kind.width
		q.B, q.Bias = mem[:b:b], mem[b:][:q.kind.width:q.kind.width]
		mem = mem[q.floats(p.K):]
	}
}

// floats is what a panel of depth k takes, in whole cache lines, so that the next
// one is aligned too. The weights come first: a width is a whole number of
// vectors, so the biases behind them are as aligned as the kernels need.
func (q *Panel) floats(k int) int { return (k*q.kind.width + q.kind.width + 15) &^ 15 }

// Fill sets the weights: that of row i and column j is w[i·stepK + j·stepN]. Only
// the owner of weights that nobody else uses may call it.
func (p *Packed) Fill(w []float32, stepK, stepN int) {
	for _, q := range p.Panels {
		for i := range p.K {
			row := q.B[i*q.kind.width:][:q.Cols]
			at := i*stepK + q.Col*stepN
			if stepN == 1 {
				copy(row, w[at:])
				continue
			}
			for j := range row {
				row[j] = w[at]
				at += stepN
			}
		}
	}
}

// panelFor returns the kind of panel to use when n columns are left: three
// vectors wide, which reads A least often, unless that would leave one vector.
func (s *Set) panelFor(n int) *panelKind {
	lanes := s.panels[len(s.panels)-1].width
	want := 3
	switch (n + lanes - 1) / lanes {
	case 1:
		want = 1
	case 2, 4:
		want = 2
	}
	for i := range s.panels {
		if s.panels[i].width <= want*lanes {
			return &s.panels[i]
		}
	}
	panic("kernel: a set without panels")
}

// Multiply computes m rows of the product for panel q. The caller has set
// everything in t except B, Bias, Cols, Rows and Tiles, with C and R at the
// panel's first column. It changes t.
func (q *Panel) Multiply(t *Tile, m int) { q.MultiplyFrom(t, 0, m) }

// MultiplyFrom is Multiply with the weights from the k-th on, for a product whose
// depth is cut in parts: each part adds to the result of those before it, by
// Tile.R, and only the first one adds the bias.
func (q *Panel) MultiplyFrom(t *Tile, k, m int) {
	t.B, t.Bias, t.Cols = q.B[k*q.kind.width:], q.Bias, q.Cols
	if k > 0 {
		t.Bias = noBias[:]
	}
	tiles := (m + q.kind.rows - 1) / q.kind.rows
	ahead := t.fetchBehind(q.kind.width, tiles)
	rows := m / tiles
	more := m - rows*tiles // this many tiles have one row more
	if more > 0 {
		q.tiles(t, rows+1, more)
		t.Ahead += uintptr(more * ahead)
		done := (rows + 1) * more
		t.A, t.C = t.A[done*t.LDA:], t.C[done*t.LDC:]
		if t.R != nil {
			t.R = t.R[done*t.LDR:]
		}
	}
	q.tiles(t, rows, tiles-more)
}

// apart is the prefetch distance, in bytes, for weights that only a single tile uses:
// more than a page, where the processor's own prefetching ends.
const apart = 6144

// fetchBehind sets Ahead and AheadStep so that the memory behind the weights, as much
// as they take, is prefetched evenly while they are used. It returns the share of a
// tile, in bytes.
func (t *Tile) fetchBehind(width, tiles int) int {
	depth, all := len(t.Offs)*t.K, tiles*max(t.Calls, 1)
	t.AheadStep = 1 + (8*width-1)/all
	share := depth / 2 * t.AheadStep
	at := 4*depth*width + t.Call*tiles*share
	if all == 1 {
		at = apart
	}
	t.Ahead = uintptr(unsafe.Pointer(&t.B[0])) + uintptr(at)
	return share
}

var noBias [64]float32 // as many as the widest panel has columns

func (q *Panel) tiles(t *Tile, rows, tiles int) {
	t.Rows, t.Tiles = rows, tiles
	q.kind.tile[rows](t)
}
