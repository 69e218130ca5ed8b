package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A Block runs a block. Output rows are cut into strips and the channels
// between expansion and projection into chunks, so that what a strip needs of a
// chunk fits the second-level cache: few rows of all channels where images are
// large, all rows of few channels where they are small. Expanded rows that the
// next strip needs again stay in a ring of rows.
type Block struct {
	expand, depthwise, project *ConvShape // as in a block
	in, out, res               *memory.View
	expandWeights              *kernel.Packed // expansion weights
	projectWeights             *kernel.Packed // projection weights
	weight                     []float32      // depthwise, tap × channel
	cache                      int            // floats that a strip may take

	channels int       // between expansion and projection
	w, h     int       // of the depthwise result
	strip    int       // output rows of a strip
	chunks   [][2]int  // channels from…to of each chunk
	panels   [][2]int  // the expansion's panels of each chunk
	ring     ringShape // expanded rows of a chunk
}

// A BlockPart is one of the convolutions of a block.
type BlockPart struct {
	Shape  ConvShape
	Weight []float32 // cout × kh × kw × cin/group
}

// NewBlock packs the weights of a block. expand, project and the residual res may be nil.
// cache is how many floats a strip may take.
func NewBlock(set *kernel.Set, cache int, expand *BlockPart, depthwise BlockPart, project *BlockPart, in, res, out *memory.View) *Block {
	d := depthwise.Shape
	s := &Block{depthwise: &d, in: in, out: out, res: res, channels: d.COut, cache: cache, weight: tapsFirst(d, depthwise.Weight)}
	s.h, s.w = out.H, out.W // a projection is pointwise
	pack := func(b *BlockPart) (*ConvShape, *kernel.Packed) {
		if b == nil {
			return nil, nil
		}
		c := b.Shape
		return &c, set.Pack(c.COut, c.CIn, b.Weight, c.Bias)
	}
	s.expand, s.expandWeights = pack(expand)
	s.project, s.projectWeights = pack(project)
	return s
}

func (s *Block) WeightBytes() int {
	n := 4 * (len(s.weight) + len(s.depthwise.Bias))
	for _, q := range []*kernel.Packed{s.expandWeights, s.projectWeights} {
		if q != nil {
			n += q.Bytes()
		}
	}
	return n
}

// A ringShape says how expanded rows lie in scratch memory: row y of the image in
// slot y mod slots, each slot with its halo of zero pixels, and one slot of zeros
// for rows above and below the image.
type ringShape struct {
	slots       int
	left, right int // halo
	row         int // floats of a slot
}

func (s *Block) size() int { return s.out.N * s.out.H }

// runLines computes output rows [from, to), which may lie in several images.
func (s *Block) runLines(r *Runner, h *worker, from, to int) {
	for from < to {
		n, y := from/s.h, from%s.h
		rows := min(s.h-y, to-from)
		s.image(r, h, n, y, y+rows)
		from += rows
	}
}

// A blockRun is a block at work on some rows of one image.
type blockRun struct {
	*Block
	r       *Runner
	h       *worker
	n       int       // image
	first   int       // row of the strip
	zeros   []float32 // a row of zero pixels, and behind it the rings
	rings   []float32 // a ring for each chunk, or one if there is a single strip
	results []float32 // of the depthwise convolution: strip × w × channels of a chunk
}

func (s *Block) image(r *Runner, h *worker, n, from, to int) {
	b := blockRun{Block: s, r: r, h: h, n: n}
	b.allocate(to - from)
	done := 0 // expanded rows of all chunks so far end here
	if s.expand != nil {
		done = max(0, from*s.depthwise.SH-s.depthwise.Pad.Top)
	}
	for y := from; y < to; y += s.strip {
		end := min(y+s.strip, to)
		b.first = y
		next := min((end-1)*s.depthwise.SH-s.depthwise.Pad.Top+(s.depthwise.KH-1)*s.depthwise.DH+1, s.in.H)
		for i := range s.chunks {
			if s.expand != nil {
				b.freshRing(i)
				b.expandRows(i, done, next)
			}
			b.depthwiseRows(i, y, end)
			if s.project != nil {
				b.projectPixels(i, 0, (end-y)*s.w)
			}
		}
		done = max(done, next)
	}
}

func (s *Block) scratch() int {
	rings, results := s.memory(s.size())
	return rings*s.ring.slots*s.ring.row + s.ring.row + results
}

// memory is the rings, and the floats of results, that a run of so many rows needs in
// scratch memory.
func (s *Block) memory(rows int) (rings, results int) {
	switch {
	case s.expand == nil:
	case s.strip < rows:
		rings = len(s.chunks)
	default:
		rings = 1
	}
	if s.project != nil {
		results = s.strip * s.w * s.widest()
	}
	return rings, results
}

// allocate takes scratch memory and clears the halos in it.
func (b *blockRun) allocate(rows int) {
	s := b.Block
	rings, results := s.memory(rows)
	buf := b.h.scratch(rings*s.ring.slots*s.ring.row + s.ring.row + results)
	b.results, buf = buf[:results], buf[results:]
	if s.expand == nil {
		return
	}
	b.zeros, b.rings = buf, buf[s.ring.row:]
	clear(b.zeros[:s.ring.row])
	for i := range rings {
		b.clearHalos(i)
	}
}

// clearHalos zeroes the pixels left and right of the rows of the i-th ring.
func (b *blockRun) clearHalos(i int) {
	s := b.Block
	c := s.chunks[i][1] - s.chunks[i][0]
	left, right, end := s.ring.left*c, s.ring.right*c, (s.ring.left+s.in.W+s.ring.right)*c
	for slot := range s.ring.slots {
		row := b.slot(i, slot)
		clear(row[:left])
		clear(row[end-right : end])
	}
}

// slot returns the memory of a slot of the ring of chunk i.
func (b *blockRun) slot(i, slot int) []float32 {
	at := slot * b.ring.row
	if len(b.rings) > b.ring.slots*b.ring.row {
		at += i * b.ring.slots * b.ring.row
	}
	return b.rings[at : at+b.ring.row]
}

// expandRows computes rows [from, to) of the expansion for chunk i.
func (b *blockRun) expandRows(i, from, to int) {
	s := b.Block
	c := s.chunks[i][1] - s.chunks[i][0]
	_, _, done := s.expand.Act.Bounds()
	for p := s.panels[i][0]; p < s.panels[i][1]; p++ {
		b.expandPanel(i, p, from, to)
	}
	for y := from; y < to && !done; y++ {
		b.r.set.Apply(s.expand.Act, b.slot(i, y%s.ring.slots)[s.ring.left*c:][:s.in.W*c])
	}
}

// freshRing clears the halos of chunk i if the ring was that of a narrower or wider one.
func (b *blockRun) freshRing(i int) {
	width := func(c [2]int) int { return c[1] - c[0] }
	if i > 0 && len(b.rings) == b.ring.slots*b.ring.row && width(b.chunks[i]) != width(b.chunks[i-1]) {
		b.clearHalos(i)
	}
}

// expandPanel computes one panel of the expansion's rows [from, to), but for what its
// activation does beyond bounds.
func (b *blockRun) expandPanel(i, p, from, to int) {
	s, t, q := b.Block, &b.h.tile, &b.expandWeights.Panels[p]
	c0, c := s.chunks[i][0], s.chunks[i][1]-s.chunks[i][0]
	in := b.r.mem(s.in)
	t.Offs, t.K, t.LDA, t.LDC, t.R = zeroOffset, s.expand.CIn, s.in.LD, c, nil
	t.Lo, t.Hi, _ = s.expand.Act.Bounds()
	for y := from; y < to; y++ {
		t.A, t.C = in[s.in.At(b.n, y, 0):], b.slot(i, y%s.ring.slots)[s.ring.left*c+q.Col-c0:]
		q.Multiply(t, s.in.W)
	}
}

var zeroOffset = []int{0}

// depthwiseRows computes output rows [from, to) of the depthwise convolution for
// chunk i.
func (b *blockRun) depthwiseRows(i, from, to int) {
	s, d := b.Block, &b.h.depthwise
	c0, c := s.chunks[i][0], s.chunks[i][1]-s.chunks[i][0]
	conv := s.depthwise
	lo, hi, done := conv.Act.Bounds()
	d.KW, d.C, d.N, d.Lo, d.Hi = conv.KW, c, s.w, lo, hi
	d.W, d.LDW, d.Bias = s.weight[c0:], s.channels, conv.Bias[c0:]
	for y := from; y < to; y++ {
		b.inputRows(d, i, y)
		if s.project != nil {
			d.Out, d.LDO = b.results[(y-b.first)*s.w*c:], c
		} else {
			d.Out, d.LDO = b.r.mem(s.out)[s.out.At(b.n, y, 0)+c0:], s.out.LD
		}
		b.r.set.Depthwise(d)
		for x := 0; x < s.w && !done; x++ {
			b.r.set.Apply(conv.Act, d.Out[x*d.LDO:][:c])
		}
	}
}

// inputRows points d at the rows that output row y reads: in the input, which has
// a halo, or in the ring.
func (b *blockRun) inputRows(d *kernel.Depthwise, i, y int) {
	s, conv := b.Block, b.depthwise
	b.h.rows = b.h.rows[:0]
	if s.expand == nil {
		d.Tap, d.Step = conv.DW*s.in.LD, conv.SW*s.in.LD
		for k := range conv.KH {
			b.h.rows = append(b.h.rows, k*conv.DH*s.in.Row())
		}
		d.In = b.r.mem(s.in)[s.in.At(b.n, y*conv.SH-conv.Pad.Top, -conv.Pad.Left)+s.chunks[i][0]:]
		d.Rows = b.h.rows
		return
	}
	c := s.chunks[i][1] - s.chunks[i][0]
	d.Tap, d.Step = conv.DW*c, conv.SW*c
	base := b.ring.row // rows are offsets from the row of zeros
	if len(b.rings) > s.ring.slots*s.ring.row {
		base += i * s.ring.slots * s.ring.row
	}
	for k := range conv.KH {
		iy := y*conv.SH - conv.Pad.Top + k*conv.DH
		at := 0
		if iy >= 0 && iy < s.in.H {
			at = base + iy%s.ring.slots*s.ring.row
		}
		b.h.rows = append(b.h.rows, at)
	}
	d.In, d.Rows = b.zeros, b.h.rows
}

// projectPixels adds chunk i's part of the projection to pixels [from, to) of the
// strip: to whole rows, unless rows follow each other without halos.
func (b *blockRun) projectPixels(i, from, to int) {
	s, t := b.Block, &b.h.tile
	c0, c := s.chunks[i][0], s.chunks[i][1]-s.chunks[i][0]
	lo, hi, done := s.project.Act.Bounds()
	last := i == len(s.chunks)-1
	if !last {
		lo, hi = -infinity, infinity
	}
	t.Offs, t.K, t.LDA, t.LDC, t.Lo, t.Hi = zeroOffset, c, c, s.out.LD, lo, hi
	piece := s.w
	if s.densely() {
		piece = to - from
	}
	for p := range s.projectWeights.Panels {
		q := &s.projectWeights.Panels[p]
		for at := from; at < to; at += piece {
			b.projectInto(t, q, i, at)
			t.A = b.results[at*c:]
			q.MultiplyFrom(t, c0, piece)
		}
	}
	out := b.r.mem(s.out)
	for at := from; at < to && last && !done; at += piece {
		applyRow(b.r, s.project.Act, out[s.out.At(b.n, b.first+at/s.w, at%s.w):], piece, s.out)
	}
}

// densely reports whether all pixels of the output and the residual follow each other.
func (s *Block) densely() bool { return s.out.Dense() && (s.res == nil || s.res.Dense()) }

// projectInto sets where the projection goes from a pixel on and what it is added to:
// the residual at first, later the sum of the chunks before.
func (b *blockRun) projectInto(t *kernel.Tile, q *kernel.Panel, i, pixel int) {
	s, y, x := b.Block, b.first+pixel/b.w, pixel%b.w
	t.C, t.R = b.r.mem(s.out)[s.out.At(b.n, y, x)+q.Col:], nil
	switch {
	case i > 0:
		t.R, t.LDR = t.C, s.out.LD
	case s.res != nil:
		t.R, t.LDR = b.r.mem(s.res)[s.res.At(b.n, y, x)+q.Col:], s.res.LD
	}
}
