package engine

import (
	"math"

	"featstore/extract/internal/kernel"
)

// A product's left side is worked on in blocks that stay in the second-level cache
// while all panels pass over them: large ones where reading the weights again for
// every block costs more.
const (
	blockFloats      = 48 << 10
	largeBlockFloats = 160 << 10
	largeWeights     = 512 << 10 // floats
)

// deepest is how many products of one output are summed at a time: so much of a
// panel stays in the second-level cache, with as much of what is fetched next.
const deepest = 1536

func (s *convStep) blockFloats() int {
	if s.depth()*s.cout > largeWeights { // the weights themselves are packed by now
		return largeBlockFloats
	}
	return blockFloats
}

// A convStep is a dense or grouped convolution, or a fully connected layer.
type convStep struct {
	convShape
	in, out, res *view
	packed       []*kernel.Packed // one a group
	lo, hi       float32
	post         bool // an activation beyond the bounds has to follow

	single   bool  // lines are single pixels, not rows: a pointwise one without halos
	lines    int   // pixels or rows of pixels
	perBlock int   // lines that share a pass over the panels
	offs     []int // Tile.Offs
	k        int   // Tile.K
	perPart  int   // segments that are multiplied at a time
}

// load packs weights, cout × kh × kw × cin/group, and biases.
func (s *convStep) load(weight, bias []float32) {
	rows, k := s.cout/s.group, len(weight)/s.cout
	for g, q := range s.packed {
		q.Fill(weight[g*rows*k:], 1, k)
		for _, panel := range q.Panels {
			copy(panel.Bias, bias[g*rows+panel.Col:][:panel.Cols])
		}
	}
}

func (s *convStep) prepare() {
	s.segments()
	s.cut()
	s.blocks()
}

// blocks decides what a line is, and how many of them make a block.
func (s *convStep) blocks() {
	depth := len(s.offs) * s.k * s.group
	s.single = s.pointwise() && s.in.dense() && s.out.dense() && (s.res == nil || s.res.dense())
	if s.single {
		s.lines, s.perBlock = s.out.n*s.out.h*s.out.w, max(s.blockFloats()/depth, 32)
		return
	}
	s.lines = s.out.n * s.out.h
	s.perBlock = max(1, s.blockFloats()/max(1, s.in.row()*s.sh))
}

// segments cuts the taps of a pixel into runs of consecutive floats: whole rows
// of taps where the pixels follow each other without gaps.
func (s *convStep) segments() {
	s.k = s.cin / s.group
	if s.group == 1 && s.dw == 1 && s.in.ld == s.cin {
		s.k = s.cin * s.kw
		for y := range s.kh {
			s.offs = append(s.offs, y*s.dh*s.in.row())
		}
		return
	}
	for y := range s.kh {
		for x := range s.kw {
			s.offs = append(s.offs, y*s.dh*s.in.row()+x*s.dw*s.in.ld)
		}
	}
}

// cut divides a product that is too deep into parts of whole segments.
func (s *convStep) cut() {
	if pieces := (s.k + deepest - 1) / deepest; pieces > 1 && s.k%pieces == 0 {
		s.k /= pieces
		var offs []int
		for _, at := range s.offs {
			for i := range pieces {
				offs = append(offs, at+i*s.k)
			}
		}
		s.offs = offs
	}
	s.perPart = max(deepest/s.k, 1)
}

func (s *convStep) size() int { return s.lines }

// runLines computes lines [from, to), block by block.
func (s *convStep) runLines(r *Runner, h *worker, from, to int) {
	for ; from < to; from += s.perBlock {
		end := min(from+s.perBlock, to)
		for g := range s.packed {
			for i := range s.packed[g].Panels {
				s.panel(r, h, g, &s.packed[g].Panels[i], from, end)
			}
		}
		if s.post {
			s.activate(r, from, end, 0, s.cout)
		}
	}
}

// rows returns how many rows of pixels lines [from, to) are, and the pixels of each:
// single pixels are one row together.
func (s *convStep) rows(from, to int) (rows, pixels int) {
	if s.single {
		return 1, to - from
	}
	return to - from, s.out.w
}

// line returns the first element of a line in the input, the output and the
// residual.
func (s *convStep) line(i int) (in, out, res int) {
	if s.single {
		if s.res != nil {
			res = s.res.ch + i*s.res.ld
		}
		return s.in.ch + i*s.in.ld, s.out.ch + i*s.out.ld, res
	}
	n, y := i/s.out.h, i%s.out.h
	if s.res != nil {
		res = s.res.at(n, y, 0)
	}
	return s.in.at(n, y*s.sh-s.pad.top, -s.pad.left), s.out.at(n, y, 0), res
}

// panel computes one panel of output channels of group g for lines [from, to).
func (s *convStep) panel(r *Runner, h *worker, g int, q *kernel.Panel, from, to int) {
	for first := 0; first < len(s.offs); first += s.perPart {
		s.part(r, h, g, q, from, to, first)
	}
}

// part adds the products of the segments from the given one on: the first part has
// bias and residual, the last one is clipped.
func (s *convStep) part(r *Runner, h *worker, g int, q *kernel.Panel, from, to, first int) {
	in, out, t := r.mem(s.in), r.mem(s.out), &h.tile
	col, end := g*(s.cout/s.group)+q.Col, min(first+s.perPart, len(s.offs))
	t.Offs, t.K, t.LDA, t.LDC = s.offs[first:end], s.k, s.sw*s.in.ld, s.out.ld
	t.Lo, t.Hi, t.R = s.lo, s.hi, nil
	if end < len(s.offs) {
		t.Lo, t.Hi = -infinity, infinity
	}
	rows, pixels := s.rows(from, to)
	t.Calls = rows
	for i := range rows {
		a, c, res := s.line(from + i)
		t.A, t.C, t.Call = in[a+g*(s.cin/s.group):], out[c+col:], i
		switch {
		case first > 0:
			t.R, t.LDR = t.C, t.LDC
		case s.res != nil:
			t.R, t.LDR = r.mem(s.res)[res+col:], s.res.ld
		}
		q.MultiplyFrom(t, first*s.k, pixels)
	}
	t.Call, t.Calls = 0, 0
}

// activate applies the activation to some columns of lines that have just been computed.
func (s *convStep) activate(r *Runner, from, to, col, cols int) {
	out := r.mem(s.out)
	rows, pixels := s.rows(from, to)
	for i := range rows {
		_, c, _ := s.line(from + i)
		applyColumns(r, s.act, out[c+col:], pixels, cols, s.out)
	}
}

// applyRow applies an activation to pixels that follow each other.
func applyRow(r *Runner, a kernel.Activation, x []float32, pixels int, p *view) {
	applyColumns(r, a, x, pixels, p.c, p)
}

// applyColumns applies an activation to so many channels of pixels that follow each
// other.
func applyColumns(r *Runner, a kernel.Activation, x []float32, pixels, channels int, p *view) {
	if p.ld == channels {
		r.set.Apply(a, x[:pixels*channels])
		return
	}
	for i := range pixels {
		r.set.Apply(a, x[i*p.ld:][:channels])
	}
}

// A depthwiseStep is a convolution of every channel by itself.
type depthwiseStep struct {
	convShape
	in, out *view
	weight  []float32 // kh·kw × channels
	lo, hi  float32
	post    bool
	rows    []int
}

// load turns weights from channel × tap to tap × channel.
func (s *depthwiseStep) load(weight []float32) {
	taps := s.kh * s.kw
	transposeInto(s.weight, weight, taps, s.cout, taps)
}

func (s *depthwiseStep) prepare() {
	for y := range s.kh {
		s.rows = append(s.rows, y*s.dh*s.in.row())
	}
}

func (s *depthwiseStep) size() int { return s.out.n * s.out.h }

func (s *depthwiseStep) runLines(r *Runner, h *worker, from, to int) {
	in, out, d := r.mem(s.in), r.mem(s.out), &h.depthwise
	d.Rows, d.KW, d.Tap, d.Step = s.rows, s.kw, s.dw*s.in.ld, s.sw*s.in.ld
	d.W, d.LDW, d.Bias, d.C, d.LDO, d.N, d.Lo, d.Hi = s.weight, s.cout, s.bias, s.cout, s.out.ld, s.out.w, s.lo, s.hi
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		c := s.out.at(n, y, 0)
		d.In, d.Out = in[s.in.at(n, y*s.sh-s.pad.top, -s.pad.left):], out[c:]
		r.set.Depthwise(d)
		if s.post {
			applyRow(r, s.act, out[c:], s.out.w, s.out)
		}
	}
}

var infinity = float32(math.Inf(1))
