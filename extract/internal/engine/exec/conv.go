package exec

import (
	"math"

	"featstore/extract/internal/engine/memory"
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

func (s *Conv) blockFloats() int {
	if s.depth()*s.COut > largeWeights { // the weights themselves are packed by now
		return largeBlockFloats
	}
	return blockFloats
}

// A Conv is a dense or grouped convolution, or a fully connected layer.
type Conv struct {
	ConvShape
	in, out, res *memory.View
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

// Load packs weights, cout × kh × kw × cin/group, and biases.
func (s *Conv) Load(weight, bias []float32) {
	rows, k := s.COut/s.Group, len(weight)/s.COut
	for g, q := range s.packed {
		q.Fill(weight[g*rows*k:], 1, k)
		for _, panel := range q.Panels {
			copy(panel.Bias, bias[g*rows+panel.Col:][:panel.Cols])
		}
	}
}

// NewConv packs the weights, cout × kh × kw × cin/group, of a convolution that runs by
// the direct method. res is what is added to the result, or nil.
func NewConv(set *kernel.Set, c ConvShape, weight []float32, in, res, out *memory.View) *Conv {
	lo, hi, done := c.Act.Bounds()
	s := &Conv{ConvShape: c, in: in, out: out, res: res, lo: lo, hi: hi, post: !done}
	rows, k := c.COut/c.Group, len(weight)/c.COut
	for g := range c.Group {
		s.packed = append(s.packed, set.Pack(rows, k, weight[g*rows*k:], c.Bias[g*rows:]))
	}
	return s
}

func (s *Conv) WeightBytes() int { return packedBytes(s.packed) }

func packedBytes(all []*kernel.Packed) int {
	n := 0
	for _, q := range all {
		n += q.Bytes()
	}
	return n
}

func (s *Conv) prepare() {
	s.segments()
	s.cut()
	s.blocks()
}

// blocks decides what a line is, and how many of them make a block.
func (s *Conv) blocks() {
	depth := len(s.offs) * s.k * s.Group
	s.single = s.Pointwise() && s.in.Dense() && s.out.Dense() && (s.res == nil || s.res.Dense())
	if s.single {
		s.lines, s.perBlock = s.out.N*s.out.H*s.out.W, max(s.blockFloats()/depth, 32)
		return
	}
	s.lines = s.out.N * s.out.H
	s.perBlock = max(1, s.blockFloats()/max(1, s.in.Row()*s.SH))
}

// segments cuts the taps of a pixel into runs of consecutive floats: whole rows
// of taps where the pixels follow each other without gaps.
func (s *Conv) segments() {
	s.k = s.CIn / s.Group
	if s.Group == 1 && s.DW == 1 && s.in.LD == s.CIn {
		s.k = s.CIn * s.KW
		for y := range s.KH {
			s.offs = append(s.offs, y*s.DH*s.in.Row())
		}
		return
	}
	for y := range s.KH {
		for x := range s.KW {
			s.offs = append(s.offs, y*s.DH*s.in.Row()+x*s.DW*s.in.LD)
		}
	}
}

// cut divides a product that is too deep into parts of whole segments.
func (s *Conv) cut() {
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

// Parts is in how many parts the products of an output are summed.
func (s *Conv) Parts() int { return (len(s.offs) + s.perPart - 1) / s.perPart }

func (s *Conv) size() int { return s.lines }

// runLines computes lines [from, to), block by block.
func (s *Conv) runLines(r *Runner, h *worker, from, to int) {
	for ; from < to; from += s.perBlock {
		end := min(from+s.perBlock, to)
		for g := range s.packed {
			for i := range s.packed[g].Panels {
				s.panel(r, h, g, &s.packed[g].Panels[i], from, end)
			}
		}
		if s.post {
			s.activate(r, from, end, 0, s.COut)
		}
	}
}

// rows returns how many rows of pixels lines [from, to) are, and the pixels of each:
// single pixels are one row together.
func (s *Conv) rows(from, to int) (rows, pixels int) {
	if s.single {
		return 1, to - from
	}
	return to - from, s.out.W
}

// line returns the first element of a line in the input, the output and the
// residual.
func (s *Conv) line(i int) (in, out, res int) {
	if s.single {
		if s.res != nil {
			res = s.res.Ch + i*s.res.LD
		}
		return s.in.Ch + i*s.in.LD, s.out.Ch + i*s.out.LD, res
	}
	n, y := i/s.out.H, i%s.out.H
	if s.res != nil {
		res = s.res.At(n, y, 0)
	}
	return s.in.At(n, y*s.SH-s.Pad.Top, -s.Pad.Left), s.out.At(n, y, 0), res
}

// panel computes one panel of output channels of group g for lines [from, to).
func (s *Conv) panel(r *Runner, h *worker, g int, q *kernel.Panel, from, to int) {
	for first := 0; first < len(s.offs); first += s.perPart {
		s.part(r, h, g, q, from, to, first)
	}
}

// part adds the products of the segments from the given one on: the first part has
// bias and residual, the last one is clipped.
func (s *Conv) part(r *Runner, h *worker, g int, q *kernel.Panel, from, to, first int) {
	in, out, t := r.mem(s.in), r.mem(s.out), &h.tile
	col, end := g*(s.COut/s.Group)+q.Col, min(first+s.perPart, len(s.offs))
	t.Offs, t.K, t.LDA, t.LDC = s.offs[first:end], s.k, s.SW*s.in.LD, s.out.LD
	t.Lo, t.Hi, t.R = s.lo, s.hi, nil
	if end < len(s.offs) {
		t.Lo, t.Hi = -infinity, infinity
	}
	rows, pixels := s.rows(from, to)
	t.Calls = rows
	for i := range rows {
		a, c, res := s.line(from + i)
		t.A, t.C, t.Call = in[a+g*(s.CIn/s.Group):], out[c+col:], i
		switch {
		case first > 0:
			t.R, t.LDR = t.C, t.LDC
		case s.res != nil:
			t.R, t.LDR = r.mem(s.res)[res+col:], s.res.LD
		}
		q.MultiplyFrom(t, first*s.k, pixels)
	}
	t.Call, t.Calls = 0, 0
}

// activate applies the activation to some columns of lines that have just been computed.
func (s *Conv) activate(r *Runner, from, to, col, cols int) {
	out := r.mem(s.out)
	rows, pixels := s.rows(from, to)
	for i := range rows {
		_, c, _ := s.line(from + i)
		applyColumns(r, s.Act, out[c+col:], pixels, cols, s.out)
	}
}

// applyRow applies an activation to pixels that follow each other.
func applyRow(r *Runner, a kernel.Activation, x []float32, pixels int, p *memory.View) {
	applyColumns(r, a, x, pixels, p.C, p)
}

// applyColumns applies an activation to so many channels of pixels that follow each
// other.
func applyColumns(r *Runner, a kernel.Activation, x []float32, pixels, channels int, p *memory.View) {
	if p.LD == channels {
		r.set.Apply(a, x[:pixels*channels])
		return
	}
	for i := range pixels {
		r.set.Apply(a, x[i*p.LD:][:channels])
	}
}

// A Depthwise is a convolution of every channel by itself.
type Depthwise struct {
	ConvShape
	in, out *memory.View
	weight  []float32 // kh·kw × channels
	lo, hi  float32
	post    bool
	rows    []int
}

// Load turns weights from channel × tap to tap × channel.
func (s *Depthwise) Load(weight []float32) {
	taps := s.KH * s.KW
	TransposeInto(s.weight, weight, taps, s.COut, taps)
}

// NewDepthwise lays out the weights of a depthwise convolution, channel × tap, as
// tap × channel.
func NewDepthwise(c ConvShape, weight []float32, in, out *memory.View) *Depthwise {
	lo, hi, done := c.Act.Bounds()
	return &Depthwise{ConvShape: c, in: in, out: out, weight: tapsFirst(c, weight), lo: lo, hi: hi, post: !done}
}

func tapsFirst(c ConvShape, weight []float32) []float32 {
	w := kernel.Aligned(len(weight))
	copy(w, ChannelsLast(weight, 1, c.COut, c.KH*c.KW))
	return w
}

func (s *Depthwise) WeightBytes() int { return 4 * (len(s.weight) + len(s.Bias)) }

func (s *Depthwise) prepare() {
	for y := range s.KH {
		s.rows = append(s.rows, y*s.DH*s.in.Row())
	}
}

func (s *Depthwise) size() int { return s.out.N * s.out.H }

func (s *Depthwise) runLines(r *Runner, h *worker, from, to int) {
	in, out, d := r.mem(s.in), r.mem(s.out), &h.depthwise
	d.Rows, d.KW, d.Tap, d.Step = s.rows, s.KW, s.DW*s.in.LD, s.SW*s.in.LD
	d.W, d.LDW, d.Bias, d.C, d.LDO, d.N, d.Lo, d.Hi = s.weight, s.COut, s.Bias, s.COut, s.out.LD, s.out.W, s.lo, s.hi
	for i := from; i < to; i++ {
		n, y := i/s.out.H, i%s.out.H
		c := s.out.At(n, y, 0)
		d.In, d.Out = in[s.in.At(n, y*s.SH-s.Pad.Top, -s.Pad.Left):], out[c:]
		r.set.Depthwise(d)
		if s.post {
			applyRow(r, s.Act, out[c:], s.out.W, s.out)
		}
	}
}

var infinity = float32(math.Inf(1))
