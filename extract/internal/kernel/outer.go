package kernel

// An Outer is a sum of outer products of rows:
//
//	C[i][j] += Σ_s Σ_k A[OffsA[s] + k·StepA + i] · B[OffsB[s] + k·StepB + j]
//
// The gradient of the weights of a convolution or a product is such a sum: A holds the
// inputs and B the gradients of the outputs, one pixel a step, and a segment is a row
// of pixels. Neither is packed or transposed. Lengths and strides are in floats.
type Outer struct {
	A     []float32
	OffsA []int // where each segment begins in A
	StepA int   // from one step to the next in A

	B     []float32
	OffsB []int // as OffsA, as many
	StepB int

	K int // steps of a segment, at least one

	C    []float32
	LDC  int // from one row of C to the next
	Cols int // columns of C
}

// An outerKind is one width of tile with the kernels for it.
type outerKind struct {
	width int              // most columns, a whole number of vectors
	rows  int              // most rows of a tile
	tile  []func(o *Outer) // by rows of a tile: tile[r] for 1 ≤ r ≤ rows
}

// AddOuter adds the sum of outer products to the first rows rows of C. The order of
// additions of every element depends on the segments alone. It changes o.
func (s *Set) AddOuter(o *Outer, rows int) {
	cols, a, b, c := o.Cols, o.A, o.B, o.C
	for col := 0; col < cols; {
		kind := s.outerFor(cols - col)
		o.Cols = min(kind.width, cols-col)
		o.B = b[col:]
		tiles := (rows + kind.rows - 1) / kind.rows
		for t := range tiles {
			from, to := rows*t/tiles, rows*(t+1)/tiles
			o.A, o.C = a[from:], c[from*o.LDC+col:]
			kind.tile[to-from](o)
		}
		col += o.Cols
	}
	o.A, o.B, o.C, o.Cols = a, b, c, cols
}

// outerFor returns the widest kind of tile that wastes no vector when n columns are left.
func (s *Set) outerFor(n int) *outerKind {
	lanes := s.outers[len(s.outers)-1].width
	want := (n + lanes - 1) / lanes
	if want == 4 {
		want = 2
	}
	for i := range s.outers {
		if s.outers[i].width <= want*lanes {
			return &s.outers[i]
		}
	}
	return &s.outers[len(s.outers)-1]
}

// outerTile is the reference of the kernels for tiles of so many rows.
func outerTile(rows int) func(o *Outer) {
	return func(o *Outer) {
		for s, at := range o.OffsA {
			for k := range o.K {
				a, b := o.A[at+k*o.StepA:][:rows], o.B[o.OffsB[s]+k*o.StepB:][:o.Cols]
				for i, v := range a {
					c := o.C[i*o.LDC:][:len(b)]
					for j, w := range b {
						c[j] += v * w
					}
				}
			}
		}
	}
}

// portableOuters are the reference in tiles of a few rows.
func portableOuters() []outerKind {
	kind := outerKind{width: 16, rows: 4, tile: []func(*Outer){nil}}
	for rows := 1; rows <= kind.rows; rows++ {
		kind.tile = append(kind.tile, outerTile(rows))
	}
	return []outerKind{kind}
}
