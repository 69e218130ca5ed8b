package engine

import "featstore/extract/internal/kernel"

// A winogradStep is a convolution by Winograd. It takes a few rows of tiles at a
// time through three stages: inputs to points, one product a point, points to
// outputs. A line is a row of tiles.
type winogradStep struct {
	convShape
	tiling       *winogradTiling
	in, out, res *view
	packed       []*kernel.Packed // one a point
	lo, hi       float32
	post         bool

	perBlock int // rows of tiles
	width    int // pixels of an input row that tiles read
}

func (s *winogradStep) prepare() {
	s.perBlock = s.tiling.rowsPerBlock
	s.width = s.tiling.tilesX*s.tiling.x.m + s.kw - 1
}

func (s *winogradStep) size() int { return s.in.n * s.tiling.tilesY }

func (s *winogradStep) runLines(r *Runner, h *worker, from, to int) {
	b := winogradRun{winogradStep: s, r: r, h: h}
	b.allocate()
	for ; from < to; from += s.perBlock {
		end := min(from+s.perBlock, to)
		for row := from; row < end; row++ {
			b.toPoints(row, row-from, 0, b.cin)
		}
		b.multiply((end-from)*s.tiling.tilesX, 0, len(s.packed))
		for row := from; row < end; row++ {
			b.toOutputs(row, row-from, 0, b.cout)
		}
	}
}

// A winogradRun is a winogradStep at work, with its scratch memory.
type winogradRun struct {
	*winogradStep
	r       *Runner
	h       *worker
	tiles   int       // of a block
	rows    []float32 // y.n rows of pixels: half transformed inputs, or outputs
	points  []float32 // points × tiles × cin
	results []float32 // points × tiles × cout
}

func (s *winogradStep) scratch() int {
	rows, points, results := s.parts()
	return rows + points + results
}

// parts are the sizes of a winogradRun's pieces of scratch memory.
func (s *winogradStep) parts() (rows, points, results int) {
	f, tiles := s.tiling, s.perBlock*s.tiling.tilesX
	rows = f.y.n * max(s.width*s.cin, f.tilesX*f.x.m*s.cout)
	return rows, f.points() * tiles * s.cin, f.points() * tiles * s.cout
}

func (b *winogradRun) allocate() {
	b.tiles = b.perBlock * b.tiling.tilesX
	rows, points, results := b.parts()
	buf := b.h.scratch(rows + points + results)
	b.rows, b.points, b.results = buf[:rows], buf[rows:][:points], buf[rows+points:]
}

// toPoints transforms channels [from, end) of a row of tiles, the i-th of the block: first
// along columns, for all pixels of the rows that it reads, then along rows.
func (b *winogradRun) toPoints(row, i, from, end int) {
	f, t, c := b.tiling, &b.h.transform, end-from
	n, y := row/f.tilesY, row%f.tilesY
	in := b.r.mem(b.in)[b.in.at(n, y*f.y.m-b.pad.top, -b.pad.left)+from:]
	to := b.points[i*f.tilesX*b.cin+from:]
	if f.x.n == 1 { // tiles are single columns
		b.transform(t, f.y, in, b.in.row(), b.in.ld, to, b.tiles*b.cin, b.cin, f.tilesX, c)
		b.r.set.Transform(t)
		return
	}
	line, step := b.in.ld, 0
	if f.y.n > 1 {
		line, step = b.cin, b.width*b.cin
		if b.in.ld == c { // the pixels of a row are one long vector
			b.transform(t, f.y, in, b.in.row(), 0, b.rows, step, 0, 1, b.width*b.cin)
		} else {
			b.transform(t, f.y, in, b.in.row(), b.in.ld, b.rows, step, b.cin, b.width, c)
		}
		b.r.set.Transform(t)
		in = b.rows
	}
	for p := range f.y.n {
		b.transform(t, f.x, in[p*step:], line, f.x.m*line, to[p*f.x.n*b.tiles*b.cin:], b.tiles*b.cin, b.cin, f.tilesX, c)
		b.r.set.Transform(t)
	}
}

// transform sets t to the transform of inputs to points.
func (b *winogradRun) transform(t *kernel.Transform, m *winograd, in []float32, inStep, inLine int, out []float32, outStep, outLine, lines, c int) {
	*t = kernel.Transform{In: in, InStep: inStep, InLine: inLine, NIn: m.n, M: m.bt, LDM: m.n,
		Out: out, OutStep: outStep, OutLine: outLine, NOut: m.n, Lines: lines, C: c, Lo: -infinity, Hi: infinity, Winograd: m.into}
}

// multiply computes the products of points [from, to).
func (b *winogradRun) multiply(tiles, from, to int) {
	t := &b.h.tile
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = zeroOffset, b.cin, b.cin, b.cout, nil, -infinity, infinity
	for p := from; p < to; p++ {
		for i := range b.packed[p].Panels {
			q := &b.packed[p].Panels[i]
			t.A, t.C = b.points[p*b.tiles*b.cin:], b.results[p*b.tiles*b.cout+q.Col:]
			q.Multiply(t, tiles)
		}
	}
}

// toOutputs turns channels [first, end) of the i-th row of tiles of the block back
// into pixels: first
// along rows, then along columns, where bias, residual and bounds are applied.
func (b *winogradRun) toOutputs(row, i, first, end int) {
	f, t, c := b.tiling, &b.h.transform, end-first
	n, y := row/f.tilesY, row%f.tilesY*f.y.m
	from, step := b.results[i*f.tilesX*b.cout+first:], b.tiles*b.cout
	if f.x.n > 1 {
		wide := f.tilesX * f.x.m * b.cout
		for p := range f.y.n {
			*t = kernel.Transform{In: from[p*f.x.n*step:], InStep: step, InLine: b.cout, NIn: f.x.n, M: f.x.at, LDM: f.x.m,
				Out: b.rows[p*wide:], OutStep: b.cout, OutLine: f.x.m * b.cout, NOut: f.x.m, Lines: f.tilesX, C: c, Lo: -infinity, Hi: infinity, Winograd: f.x.back}
			b.r.set.Transform(t)
		}
		from, step = b.rows, wide
	}
	out := b.r.mem(b.out)[b.out.at(n, y, 0)+first:]
	*t = kernel.Transform{In: from, InStep: step, InLine: b.cout, NIn: f.y.n, M: f.y.at, LDM: f.y.m,
		Out: out, OutStep: b.out.row(), OutLine: b.out.ld, NOut: min(f.y.m, b.out.h-y), Lines: b.out.w, C: c, Bias: b.bias[first:end], Lo: b.lo, Hi: b.hi, Winograd: f.y.back}
	if b.res != nil {
		t.R, t.RStep, t.RLine = b.r.mem(b.res)[b.res.at(n, y, 0)+first:], b.res.row(), b.res.ld
	}
	b.r.set.Transform(t)
	for k := 0; k < t.NOut && b.post; k++ {
		applyColumns(b.r, b.act, out[k*b.out.row():], b.out.w, c, b.out)
	}
}
