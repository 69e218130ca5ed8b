package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A Strassen is a pointwise convolution or a fully connected layer by Strassen's
// algorithm. A line is a pair of pixels; the last one may have one only.
type Strassen struct {
	ConvShape
	*strassenWeights
	in, out, res *memory.View
	lo, hi       float32
	post         bool
	pixels       int
	perBlock     int // pairs that share a pass over the weights
}

// NewStrassen sums up and packs the weights of a product that runs by Strassen.
func NewStrassen(set *kernel.Set, c ConvShape, weight []float32, in, res, out *memory.View) *Strassen {
	lo, hi, done := c.Act.Bounds()
	return &Strassen{ConvShape: c, strassenWeights: newStrassenWeights(set, c, weight), in: in, out: out, res: res, lo: lo, hi: hi, post: !done}
}

func (s *Strassen) WeightBytes() int { return s.weights.Bytes() + 4*(len(s.low)+len(s.high)) }

func (s *Strassen) prepare() {
	s.pixels = s.out.N * s.out.H * s.out.W
	s.perBlock = min((s.pixels+1)/2, mostPairs)
}

// mostPairs keeps a block's pixels and their sums about in the second-level cache.
const mostPairs = 128

func (s *Strassen) size() int { return (s.pixels + 1) / 2 }

func (s *Strassen) scratch() int {
	sums, part := s.Parts()
	return sums + 4*part
}

// Parts are the sizes of a strassenRun's pieces of scratch memory.
func (s *Strassen) Parts() (sums, part int) {
	width := len(s.weights.Panels[0].Bias) // the widest come first
	return s.perBlock * 4 * s.k, s.perBlock * width
}

// A strassenRun is a Strassen at work on a panel of the pixels [from, to), with its
// scratch memory.
type strassenRun struct {
	*Strassen
	r        *Runner
	h        *worker
	from, to int
	panel    kernel.Panel
	sums     []float32 // pairs × 4 × k
	y, w, z  []float32 // sums of products: pairs × width of the panel each
	v        []float32 // the same plus a residual
	part     int       // floats from y to w, and from w to z
}

func (s *Strassen) runLines(r *Runner, h *worker, from, to int) {
	sums, part := s.Parts()
	buf := h.scratch(sums + 4*part)
	b := strassenRun{Strassen: s, r: r, h: h, sums: buf[:sums], y: buf[sums:], w: buf[sums+part:], z: buf[sums+2*part:], v: buf[sums+3*part:], part: part}
	for ; from < to; from += s.perBlock {
		b.from, b.to = 2*from, min(2*min(from+s.perBlock, to), s.pixels)
		b.sumPixels()
		for i := range s.weights.Panels {
			b.panel = s.weights.Panels[i]
			b.multiply()
		}
		b.activate()
	}
}

// pairs is how many pairs of pixels the block has, and how many of them are whole.
func (b *strassenRun) pairs() (all, whole int) { return (b.to - b.from + 1) / 2, (b.to - b.from) / 2 }

// sumPixels computes S1 … S4. A missing pixel counts as zero.
func (b *strassenRun) sumPixels() {
	all, whole := b.pairs()
	in := b.r.mem(b.in)[b.in.Ch+b.from*b.CIn:]
	t := &b.h.transform
	*t = kernel.Transform{In: in, InStep: b.k, InLine: 4 * b.k, NIn: 4, M: sumsOfPixels, LDM: 4,
		Out: b.sums, OutStep: b.k, OutLine: 4 * b.k, NOut: 4, Lines: whole, C: b.k, Lo: -infinity, Hi: infinity}
	if whole > 0 {
		b.r.set.Transform(t)
	}
	if all > whole {
		t.In, t.Out, t.NIn, t.Lines = in[whole*4*b.k:], b.sums[whole*4*b.k:], 2, 1
		b.r.set.Transform(t)
	}
}

const even, odd = 0, 1 // which pixel of a pair

// multiply computes a panel of both halves of the columns.
func (b *strassenRun) multiply() {
	all, whole := b.pairs()
	in := b.r.mem(b.in)[b.in.Ch+b.from*b.CIn:]
	zero, low, high := b.panel.Bias, b.low[b.panel.Col:], b.high[b.panel.Col:]
	b.product(0, in, zero, nil, b.y, all)
	b.results(1, in[b.k:], low, b.plusResidual(b.y, 1, even, 0), even, 0)
	b.product(2, b.sums[b.k:], zero, b.y, b.y, all)
	b.product(3, b.sums, high, nil, b.w, all)
	if whole > 0 {
		b.product(4, b.sums[2*b.k:], zero, b.y, b.z, whole)
		b.add(b.w, 2, odd, b.n)
		b.results(5, in[3*b.k:], low, b.plusResidual(b.z, 1, odd, 0), odd, 0)
	}
	b.results(6, b.sums[3*b.k:], zero, b.plusResidual(b.y, 2, even, b.n), even, b.n)
}

// tile sets up the i-th product for a panel.
func (b *strassenRun) tile(i int, bias []float32) kernel.Panel {
	q, t := b.panel, &b.h.tile
	q.B, q.Bias = q.B[i*b.k*len(q.Bias):], bias[:len(q.Bias)]
	t.Offs, t.K, t.LDA, t.LDR = zeroOffset, b.k, 4*b.k, len(q.Bias)
	return q
}

// product computes the i-th product, for pairs of pixels, and adds r unless it is nil.
func (b *strassenRun) product(i int, a, bias, r, out []float32, pairs int) {
	q, t := b.tile(i, bias), &b.h.tile
	t.A, t.R, t.C, t.LDC, t.Lo, t.Hi = a, r, out, len(q.Bias), -infinity, infinity
	q.Multiply(t, pairs)
}

// results computes the i-th product, which completes results from column col on.
func (b *strassenRun) results(i int, a, bias, r []float32, half, col int) {
	q, t := b.tile(i, bias), &b.h.tile
	out := b.r.mem(b.out)
	t.LDC, t.Lo, t.Hi = 2*b.out.LD, b.lo, b.hi
	for p := b.from + half; p < b.to; {
		n := b.inRow(p)
		at := (p - b.from) / 2
		t.A, t.R, t.C = a[at*4*b.k:], r[at*len(q.Bias):], out[b.at(b.out, p)+col+q.Col:]
		q.Multiply(t, n)
		p += 2 * n
	}
}

// plusResidual returns the sum of n parts and the residual, if there is one.
func (b *strassenRun) plusResidual(parts []float32, n, half, col int) []float32 {
	if b.res == nil && n == 1 {
		return parts
	}
	width := len(b.panel.Bias)
	for p := b.from + half; p < b.to; {
		at, lines := (p-b.from)/2*width, b.inRow(p)
		t := b.sum(parts[at:], n, lines)
		t.Out, t.OutLine, t.Lo, t.Hi = b.v[at:], width, -infinity, infinity
		b.Finish(t, p, col)
		p += 2 * lines
	}
	return b.v
}

// add sets results to the sum of n parts and the residual.
func (b *strassenRun) add(parts []float32, n, half, col int) {
	out, width := b.r.mem(b.out), len(b.panel.Bias)
	for p := b.from + half; p < b.to; {
		lines := b.inRow(p)
		t := b.sum(parts[(p-b.from)/2*width:], n, lines)
		t.Out, t.OutLine, t.Lo, t.Hi = out[b.at(b.out, p)+col+b.panel.Col:], 2*b.out.LD, b.lo, b.hi
		b.Finish(t, p, col)
		p += 2 * lines
	}
}

func (b *strassenRun) sum(parts []float32, n, lines int) *kernel.Transform {
	t := &b.h.transform
	*t = kernel.Transform{In: parts, InStep: b.part, InLine: len(b.panel.Bias), NIn: n, M: ones[:], LDM: 1, NOut: 1, Lines: lines, C: b.panel.Cols}
	return t
}

var ones = [2]float32{1, 1}

func (b *strassenRun) Finish(t *kernel.Transform, p, col int) {
	if b.res != nil {
		t.R, t.RLine = b.r.mem(b.res)[b.at(b.res, p)+col+b.panel.Col:], 2*b.res.LD
	}
	b.r.set.Transform(t)
}

// inRow is how many of the pixels p, p+2, … lie in its row of pixels: all, where rows
// follow each other.
func (b *strassenRun) inRow(p int) int {
	end := b.to
	if !b.out.Dense() || b.res != nil && !b.res.Dense() {
		end = min(end, p+b.out.W-p%b.out.W)
	}
	return (end - p + 1) / 2
}

// at is where the p-th pixel lies.
func (b *strassenRun) at(v *memory.View, p int) int {
	return v.At(p/(v.H*v.W), p/v.W%v.H, p%v.W)
}

func (b *strassenRun) activate() {
	for p := b.from; p < b.to && b.post; {
		end := b.to
		if !b.out.Dense() {
			end = min(end, p+b.out.W-p%b.out.W)
		}
		applyRow(b.r, b.Act, b.r.mem(b.out)[b.at(b.out, p):], end-p, b.out)
		p = end
	}
}
