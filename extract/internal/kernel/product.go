package kernel

import "slices"

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

// NewPacked returns zero weights K×N, for Fill. The panels share one piece of
// memory: many small ones would cost the allocator's rounding each.
func (s *Set) NewPacked(n, k int) *Packed {
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
	mem := Aligned(size)
	for i := range p.Panels {
		q := &p.Panels[i]
		b := k * q.kind.width
		q.B, q.Bias = mem[:b:b], mem[b:][:q.kind.width:q.kind.width]
		mem = mem[q.floats(k):]
	}
	return p
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
	rows := m / tiles
	more := m - rows*tiles // so many tiles have one row more
	if more > 0 {
		q.tiles(t, rows+1, more)
		done := (rows + 1) * more
		t.A, t.C = t.A[done*t.LDA:], t.C[done*t.LDC:]
		if t.R != nil {
			t.R = t.R[done*t.LDR:]
		}
	}
	q.tiles(t, rows, tiles-more)
}

var noBias [64]float32 // as many as the widest panel has columns

func (q *Panel) tiles(t *Tile, rows, tiles int) {
	t.Rows, t.Tiles = rows, tiles
	q.kind.tile[rows](t)
}
