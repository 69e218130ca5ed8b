package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A Winograd is a convolution by Winograd. It takes a few rows of tiles at a
// time through three stages: inputs to points, one product a point, points to
// outputs. A line is a row of tiles.
type Winograd struct {
	ConvShape
	tiling       *WinogradTiling
	in, out, res *memory.View
	packed       []*kernel.Packed // one a point
	lo, hi       float32
	post         bool

	perBlock int // rows of tiles
	width    int // pixels of an input row that tiles read
}

// NewWinograd transforms and packs the weights of a convolution that runs by Winograd.
func NewWinograd(set *kernel.Set, c ConvShape, weight []float32, t *WinogradTiling, in, res, out *memory.View) *Winograd {
	lo, hi, done := c.Act.Bounds()
	t.Y.shorten(set)
	t.X.shorten(set)
	return &Winograd{ConvShape: c, tiling: t, in: in, out: out, res: res, lo: lo, hi: hi, post: !done,
		packed: set.PackEach(c.COut, c.CIn, winogradWeights(c, weight, t))}
}

func (s *Winograd) WeightBytes() int { return packedBytes(s.packed) }

func (s *Winograd) prepare() {
	s.perBlock = s.tiling.RowsPerBlock
	s.width = s.tiling.TilesX*s.tiling.X.M + s.KW - 1
}

func (s *Winograd) size() int { return s.in.N * s.tiling.TilesY }

func (s *Winograd) runLines(r *Runner, h *worker, from, to int) {
	b := winogradRun{Winograd: s, r: r, h: h}
	b.allocate()
	for ; from < to; from += s.perBlock {
		end := min(from+s.perBlock, to)
		for row := from; row < end; row++ {
			b.toPoints(row, row-from, 0, b.CIn)
		}
		b.multiply((end-from)*s.tiling.TilesX, 0, len(s.packed))
		for row := from; row < end; row++ {
			b.toOutputs(row, row-from, 0, b.COut)
		}
	}
}

// A winogradRun is a Winograd at work, with its scratch memory.
type winogradRun struct {
	*Winograd
	r       *Runner
	h       *worker
	tiles   int       // of a block
	rows    []float32 // y.n rows of pixels: half transformed inputs, or outputs
	points  []float32 // points × tiles × cin
	results []float32 // points × tiles × cout
}

func (s *Winograd) scratch() int {
	rows, points, results := s.Parts()
	return rows + points + results
}

// Parts are the sizes of a winogradRun's pieces of scratch memory.
func (s *Winograd) Parts() (rows, points, results int) {
	f, tiles := s.tiling, s.perBlock*s.tiling.TilesX
	rows = f.Y.N * max(s.width*s.CIn, f.TilesX*f.X.M*s.COut)
	return rows, f.Points() * tiles * s.CIn, f.Points() * tiles * s.COut
}

func (b *winogradRun) allocate() {
	b.tiles = b.perBlock * b.tiling.TilesX
	rows, points, results := b.Parts()
	buf := b.h.scratch(rows + points + results)
	b.rows, b.points, b.results = buf[:rows], buf[rows:][:points], buf[rows+points:]
}

// toPoints transforms channels [from, end) of a row of tiles, the i-th of the block: first
// along columns, for all pixels of the rows that it reads, then along rows.
func (b *winogradRun) toPoints(row, i, from, end int) {
	f, t, c := b.tiling, &b.h.transform, end-from
	n, y := row/f.TilesY, row%f.TilesY
	in := b.r.mem(b.in)[b.in.At(n, y*f.Y.M-b.Pad.Top, -b.Pad.Left)+from:]
	to := b.points[i*f.TilesX*b.CIn+from:]
	if f.X.N == 1 { // tiles are single columns
		b.transform(t, f.Y, in, b.in.Row(), b.in.LD, to, b.tiles*b.CIn, b.CIn, f.TilesX, c)
		b.r.set.Transform(t)
		return
	}
	line, step := b.in.LD, 0
	if f.Y.N > 1 {
		line, step = b.CIn, b.width*b.CIn
		if b.in.LD == c { // the pixels of a row are one long vector
			b.transform(t, f.Y, in, b.in.Row(), 0, b.rows, step, 0, 1, b.width*b.CIn)
		} else {
			b.transform(t, f.Y, in, b.in.Row(), b.in.LD, b.rows, step, b.CIn, b.width, c)
		}
		b.r.set.Transform(t)
		in = b.rows
	}
	for p := range f.Y.N {
		b.transform(t, f.X, in[p*step:], line, f.X.M*line, to[p*f.X.N*b.tiles*b.CIn:], b.tiles*b.CIn, b.CIn, f.TilesX, c)
		b.r.set.Transform(t)
	}
}

// transform sets t to the transform of inputs to points.
func (b *winogradRun) transform(t *kernel.Transform, m *winogradTransforms, in []float32, inStep, inLine int, out []float32, outStep, outLine, lines, c int) {
	*t = kernel.Transform{In: in, InStep: inStep, InLine: inLine, NIn: m.N, M: m.bt, LDM: m.N,
		Out: out, OutStep: outStep, OutLine: outLine, NOut: m.N, Lines: lines, C: c, Lo: -infinity, Hi: infinity, Winograd: m.into}
}

// multiply computes the products of points [from, to).
func (b *winogradRun) multiply(tiles, from, to int) {
	t := &b.h.tile
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = zeroOffset, b.CIn, b.CIn, b.COut, nil, -infinity, infinity
	for p := from; p < to; p++ {
		for i := range b.packed[p].Panels {
			q := &b.packed[p].Panels[i]
			t.A, t.C = b.points[p*b.tiles*b.CIn:], b.results[p*b.tiles*b.COut+q.Col:]
			q.Multiply(t, tiles)
		}
	}
}

// toOutputs turns channels [first, end) of the i-th row of tiles of the block back
// into pixels: first
// along rows, then along columns, where bias, residual and bounds are applied.
func (b *winogradRun) toOutputs(row, i, first, end int) {
	f, t, c := b.tiling, &b.h.transform, end-first
	n, y := row/f.TilesY, row%f.TilesY*f.Y.M
	from, step := b.results[i*f.TilesX*b.COut+first:], b.tiles*b.COut
	if f.X.N > 1 {
		wide := f.TilesX * f.X.M * b.COut
		for p := range f.Y.N {
			*t = kernel.Transform{In: from[p*f.X.N*step:], InStep: step, InLine: b.COut, NIn: f.X.N, M: f.X.at, LDM: f.X.M,
				Out: b.rows[p*wide:], OutStep: b.COut, OutLine: f.X.M * b.COut, NOut: f.X.M, Lines: f.TilesX, C: c, Lo: -infinity, Hi: infinity, Winograd: f.X.back}
			b.r.set.Transform(t)
		}
		from, step = b.rows, wide
	}
	out := b.r.mem(b.out)[b.out.At(n, y, 0)+first:]
	*t = kernel.Transform{In: from, InStep: step, InLine: b.COut, NIn: f.Y.N, M: f.Y.at, LDM: f.Y.M,
		Out: out, OutStep: b.out.Row(), OutLine: b.out.LD, NOut: min(f.Y.M, b.out.H-y), Lines: b.out.W, C: c, Bias: b.Bias[first:end], Lo: b.lo, Hi: b.hi,
		Winograd: f.Y.back}
	if b.res != nil {
		t.R, t.RStep, t.RLine = b.r.mem(b.res)[b.res.At(n, y, 0)+first:], b.res.Row(), b.res.LD
	}
	b.r.set.Transform(t)
	for k := 0; k < t.NOut && b.post; k++ {
		applyColumns(b.r, b.Act, out[k*b.out.Row():], b.out.W, c, b.out)
	}
}
