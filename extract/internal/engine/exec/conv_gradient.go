package exec

import (
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// pixelsPerSegment is how many pixels that follow each other without a gap make one
// segment of a kernel.Outer.
const pixelsPerSegment = 64

// A WeightGradient adds the products of a convolution's inputs with the gradients
// of its results to the gradient of the weights. A line is a few inputs of one tap and a
// few results, of all pixels: so every sum is one worker's, in the order of the pixels.
// The lines of the first inputs of the first tap also add to the gradient of the bias.
type WeightGradient struct {
	ConvShape
	Weight, Bias []float32 // their gradients, nil for one that is not trained
	In, Out      *memory.View

	steps    int        // pixels of a segment
	a, b     []int      // where segments begin, in the input and the gradient
	one      [1]float32 // what gradients are multiplied by for the bias
	zero     []int      // where one lies for each segment
	rest     int        // pixels of the last segment, which has its own length; 0 for none
	perBlock int        // segments whose pixels stay in the cache while a part's lines pass
	columns  int        // blocks that the results of a group are divided into, in lines of their own
	passes   int        // blocks that they are divided into, one after the other
	packs    bool       // inputs are copied side by side before
	packed   []int      // where segments of a block begin then
}

// farApart is how many floats pixels are apart, at least, whose inputs are copied side by
// side: they lie in pages of their own, and many of them in the same lines of a cache.
const farApart = 1024

// gradientBlock is how many floats of inputs and gradients stay in the cache while a part's
// lines pass. It may be larger than blockFloats: every tile is read and written once a block,
// and all weights together are more than any cache holds.
const gradientBlock = 256 << 10

// resultsPerPass is how many channels of the result the lines go through at a time: the
// fewer, the more pixels stay in the cache, and the less often weights are read.
const resultsPerPass = 384

// inputsPerPart is about how many channels of the input the lines of a part have.
const inputsPerPart = 112

// inputsPerLine is how many channels of the input a line has: two tiles of AVX-512.
const inputsPerLine = 28

// resultsPerLine is how many channels of the result a line has at least, where there are
// few lines: a tile of AVX-512.
const resultsPerLine = 48

// wantedLines is how many lines keep some workers busy to the end.
const wantedLines = 16

func (s *WeightGradient) prepare() {
	if s.Pointwise() && s.In.Dense() && s.Out.Dense() {
		pixels := s.Out.N * s.Out.H * s.Out.W
		s.steps = min(pixels, pixelsPerSegment)
		for at := 0; at < pixels; at += s.steps {
			s.a, s.b = append(s.a, s.In.Ch+at*s.In.LD), append(s.b, s.Out.Ch+at*s.Out.LD)
		}
		s.rest = pixels % s.steps
	} else {
		s.steps = s.Out.W
		for i := range s.Out.N * s.Out.H {
			n, y := i/s.Out.H, i%s.Out.H
			s.a = append(s.a, s.In.At(n, y*s.SH-s.Pad.Top, -s.Pad.Left))
			s.b = append(s.b, s.Out.At(n, y, 0))
		}
	}
	ci, co := s.CIn/s.Group, s.COut/s.Group
	s.passes = (co + resultsPerPass - 1) / resultsPerPass
	s.perBlock = max(1, gradientBlock/(s.steps*(s.SW*min(ci, inputsPerPart)+min(co, resultsPerPass))))
	s.one[0], s.zero = 1, make([]int, len(s.a))
	few := max(1, wantedLines/(s.Group*s.KH*s.KW*s.inputBlocks()))
	s.columns = max(1, min(few, co/resultsPerLine))
	s.packs = s.SW*s.In.LD >= farApart
	for i := range min(s.perBlock, len(s.a)) {
		s.packed = append(s.packed, i*s.steps*inputsPerLine)
	}
}

func (s *WeightGradient) scratch() int {
	if !s.packs {
		return 0
	}
	return len(s.packed) * s.steps * inputsPerLine
}

func (s *WeightGradient) inputBlocks() int {
	return (s.CIn/s.Group + inputsPerLine - 1) / inputsPerLine
}

func (s *WeightGradient) size() int { return s.Group * s.KH * s.KW * s.inputBlocks() * s.columns }

func (s *WeightGradient) parts(workers int) int { return partsPerWorker * workers }

func (s *WeightGradient) runLines(r *Runner, h *worker, from, to int) {
	whole := len(s.a)
	if s.rest > 0 {
		whole--
	}
	for pass := range s.passes {
		for block := 0; block < whole; block += s.perBlock {
			end := min(block+s.perBlock, whole)
			for line := from; line < to; line++ {
				s.line(r, h, line, pass, block, end, s.steps)
				if end == whole && s.rest > 0 {
					s.line(r, h, line, pass, whole, whole+1, s.rest)
				}
			}
		}
	}
}

// line adds what some segments bring to the weights of a line that a pass is for.
func (s *WeightGradient) line(r *Runner, h *worker, line, pass, from, to, steps int) {
	blocks, taps, ci, co := s.inputBlocks(), s.KH*s.KW, s.CIn/s.Group, s.COut/s.Group
	column, block, tap, g := line%s.columns, line/s.columns%blocks, line/s.columns/blocks%taps, line/s.columns/blocks/taps
	first, last := ci*block/blocks, ci*(block+1)/blocks
	left, right := max(s.tiles(column, s.columns), s.tiles(pass, s.passes)), min(s.tiles(column+1, s.columns), s.tiles(pass+1, s.passes))
	if left >= right {
		return
	}
	o := &h.outer
	o.B = r.mem(s.Out)[g*co+left:]
	o.OffsB, o.StepB, o.K, o.LDC, o.Cols = s.b[from:to], s.Out.LD, steps, co, right-left
	if s.Bias != nil && block == 0 && tap == 0 {
		o.A, o.OffsA, o.StepA, o.C = s.one[:], s.zero[from:to], 0, s.Bias[g*co+left:]
		r.set.AddOuter(o, 1)
	}
	if s.Weight != nil {
		o.A = r.mem(s.In)[tap/s.KW*s.DH*s.In.Row()+tap%s.KW*s.DW*s.In.LD+g*ci+first:]
		o.OffsA, o.StepA = s.a[from:to], s.SW*s.In.LD
		if s.packs {
			s.pack(h, o, last-first)
		}
		o.C = s.Weight[((g*taps+tap)*ci+first)*co+left:]
		r.set.AddOuter(o, last-first)
	}
}

// pack copies the inputs of a line side by side.
func (s *WeightGradient) pack(h *worker, o *kernel.Outer, inputs int) {
	buf := h.scratch(s.scratch())
	for i, at := range o.OffsA {
		for k := range o.K {
			copy(buf[s.packed[i]+k*inputsPerLine:], o.A[at+k*o.StepA:][:inputs])
		}
	}
	o.A, o.OffsA, o.StepA = buf, s.packed[:len(o.OffsA)], inputsPerLine
}

// tiles is where the i-th of some blocks of results begins: tiles are whole but for the last
// one.
func (s *WeightGradient) tiles(i, blocks int) int {
	co := s.COut / s.Group
	tiles := (co + resultsPerLine - 1) / resultsPerLine
	return min(tiles*i/blocks*resultsPerLine, co)
}

// A DepthwiseGradient is a WeightGradient for depthwise weights. A line is a
// few channels.
type DepthwiseGradient struct {
	ConvShape
	Weight, Bias []float32 // their gradients, nil for one that is not trained
	In, Out      *memory.View
}

// channelsPerLine is one vector of AVX-512; lines have a few of them.
const (
	channelsPerLine = 16
	vectorsPerLine  = 4
)

func (s *DepthwiseGradient) prepare() {}

// size: more lines than needed where there would be few.
func (s *DepthwiseGradient) size() int {
	vectors := (s.COut + channelsPerLine - 1) / channelsPerLine
	return max(min(vectors, 4), vectors/vectorsPerLine)
}

func (s *DepthwiseGradient) parts(workers int) int { return partsPerWorker * workers }

// channel is the first one of a line.
func (s *DepthwiseGradient) channel(line int) int {
	vectors := (s.COut + channelsPerLine - 1) / channelsPerLine
	return min(vectors*line/s.size()*channelsPerLine, s.COut)
}

func (s *DepthwiseGradient) runLines(r *Runner, h *worker, from, to int) {
	first, last := s.channel(from), s.channel(to)
	in, out, d := r.mem(s.In), r.mem(s.Out), &h.depthwiseGradient
	d.KW, d.Tap, d.Step, d.LDO, d.N, d.LDW, d.C = s.KW, s.DW*s.In.LD, s.SW*s.In.LD, s.Out.LD, s.Out.W, s.COut, last-first
	d.RowIn, d.RowOut = s.SH*s.In.Row(), s.Out.Row()
	chunk := max(1, blockFloats/2/(s.Out.W*s.SH*s.SW*vectorsPerLine*channelsPerLine)) // rows that stay in the cache while all taps pass
	for n := range s.Out.N {
		for y := 0; y < s.Out.H; y += chunk {
			d.Rows = min(chunk, s.Out.H-y)
			s.rows(r, d, in, out, n, y, first, last)
		}
	}
}

// rows adds what d.Rows rows of an image bring, from the y-th on.
func (s *DepthwiseGradient) rows(r *Runner, d *kernel.DepthwiseGradient, in, out []float32, n, y, first, last int) {
	for k := range s.KH {
		if s.Weight == nil {
			break
		}
		d.In, d.Out = in[s.In.At(n, y*s.SH-s.Pad.Top+k*s.DH, -s.Pad.Left)+first:], out[s.Out.At(n, y, 0)+first:]
		d.W = s.Weight[k*s.KW*s.COut+first:]
		r.set.AddDepthwiseGradient(d)
	}
	if s.Bias == nil {
		return
	}
	for i := range d.Rows * s.Out.W {
		r.set.AddInto(s.Bias[first:last], out[s.Out.At(n, y+i/s.Out.W, i%s.Out.W)+first:])
	}
}

// An InputGradient computes the gradient by the input of a convolution that moves
// by several pixels, phase by phase. A line is a row of pixels of a phase of one image.
type InputGradient struct {
	ConvShape
	In, Out *memory.View // the gradients by the result and by the input
	Set     *kernel.Set
	Source  func() []float32 // of the weights
	all     []*phase
	zeros   []float32 // the bias of a depthwise one
}

// A phase is the pixels of the input at the same remainder by the stride.
type phase struct {
	y, x       int         // its first pixel
	h, w       int         // how many it has
	rows, cols []tapOffset // the taps that read them, by where they lie
	offs       []int       // of each tap in the gradient, from that of the first one
	gap        int         // floats from one tap of a row to the next, of a depthwise one
	packed     []*kernel.Packed
	weight     []float32 // of a depthwise one: tap × channel
	buffer     []float32 // where weights are collected before they are packed
}

func (s *InputGradient) Phases() {
	for y := range min(s.SH, s.Out.H) {
		for x := range min(s.SW, s.Out.W) {
			p := &phase{y: y, x: x, h: (s.Out.H - y + s.SH - 1) / s.SH, w: (s.Out.W - x + s.SW - 1) / s.SW,
				rows: phaseTaps(y, s.KH, s.SH, s.DH, s.Pad.Top), cols: phaseTaps(x, s.KW, s.SW, s.DW, s.Pad.Left)}
			taps := len(p.rows) * len(p.cols)
			switch {
			case taps == 0:
			case s.Depthwise():
				p.weight, s.zeros = kernel.Aligned(taps*s.COut), kernel.Aligned(s.COut)
			default:
				p.buffer = make([]float32, taps*s.CIn*s.COut/(s.Group*s.Group))
				for range s.Group {
					p.packed = append(p.packed, s.Set.NewPacked(s.CIn/s.Group, taps*s.COut/s.Group))
				}
			}
			s.all = append(s.all, p)
		}
	}
}

// Load packs the weights of all phases.
func (s *InputGradient) Load() {
	w := s.Source()
	ci, co := s.CIn/s.Group, s.COut/s.Group
	for _, p := range s.all {
		taps := len(p.rows) * len(p.cols)
		for i := range taps {
			tap := p.rows[i/len(p.cols)].tap*s.KW + p.cols[i%len(p.cols)].tap
			if s.Depthwise() {
				copy(p.weight[i*s.COut:][:s.COut], w[tap*s.COut:])
			}
		}
		for g, q := range p.packed {
			for i := range taps { // input × tap × output
				tap := p.rows[i/len(p.cols)].tap*s.KW + p.cols[i%len(p.cols)].tap
				for c := range ci {
					copy(p.buffer[(c*taps+i)*co:][:co], w[((g*s.KH*s.KW+tap)*ci+c)*co:])
				}
			}
			q.Fill(p.buffer, 1, taps*co)
		}
	}
}

func (s *InputGradient) prepare() {
	for _, p := range s.all {
		if len(p.rows)*len(p.cols) == 0 {
			continue
		}
		for _, r := range p.rows {
			for _, c := range p.cols {
				p.offs = append(p.offs, (r.at-p.rows[0].at)*s.In.Row()+(c.at-p.cols[0].at)*s.In.LD)
			}
		}
		p.gap = s.In.LD
		if len(p.cols) > 1 {
			p.gap = (p.cols[1].at - p.cols[0].at) * s.In.LD
		}
		if s.Depthwise() {
			for i := range p.rows {
				p.offs[i] = p.offs[i*len(p.cols)]
			}
			p.offs = slices.Clip(p.offs[:len(p.rows)])
		}
	}
}

func (s *InputGradient) size() int {
	lines := 0
	for _, p := range s.all {
		lines += s.Out.N * p.h
	}
	return lines
}

func (s *InputGradient) runLines(r *Runner, h *worker, from, to int) {
	first := 0
	for _, p := range s.all {
		lines := s.Out.N * p.h
		for i := max(from, first); i < min(to, first+lines); i++ {
			s.row(r, h, p, (i-first)/p.h, (i-first)%p.h)
		}
		first += lines
	}
}

// row computes the j-th row of a phase of the n-th image.
func (s *InputGradient) row(r *Runner, h *worker, p *phase, n, j int) {
	out := r.mem(s.Out)[s.Out.At(n, p.y+j*s.SH, p.x):]
	if len(p.offs) == 0 {
		for x := range p.w {
			clear(out[x*s.SW*s.Out.LD:][:s.Out.C])
		}
		return
	}
	in := r.mem(s.In)[s.In.At(n, j+p.rows[0].at, p.cols[0].at):]
	if s.Depthwise() {
		d := &h.depthwise
		d.In, d.Rows, d.KW, d.Tap, d.Step = in, p.offs, len(p.cols), p.gap, s.In.LD
		d.W, d.LDW, d.Bias, d.C, d.Out, d.LDO, d.N, d.Lo, d.Hi = p.weight, s.COut, s.zeros, s.COut, out, s.SW*s.Out.LD, p.w, -infinity, infinity
		r.set.Depthwise(d)
		return
	}
	t, ci, co := &h.tile, s.CIn/s.Group, s.COut/s.Group
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = p.offs, co, s.In.LD, s.SW*s.Out.LD, nil, -infinity, infinity
	for g, packed := range p.packed {
		for i := range packed.Panels {
			q := &packed.Panels[i]
			t.A, t.C = in[g*co:], out[g*ci+q.Col:]
			q.Multiply(t, p.w)
		}
	}
}

// A tapOffset is a tap of a phase, and how many pixels it lies beside the phase's own.
type tapOffset struct{ tap, at int }

// phaseTaps returns the taps along an axis that read the input's pixels at, at+stride, …,
// in the order of the output pixels they belong to: tap k of output pixel
// j + (at + pad − k·dilation)/stride reads pixel at + j·stride, where that is an integer.
func phaseTaps(at, taps, stride, dilation, pad int) []tapOffset {
	var list []tapOffset
	for k := taps - 1; k >= 0; k-- {
		if d := at + pad - k*dilation; d%stride == 0 {
			list = append(list, tapOffset{k, d / stride})
		}
	}
	return list
}

// ReachOfPhases is how many pixels before the first and behind the last of out pixels
// the taps of all phases of in pixels reach.
func ReachOfPhases(taps, stride, dilation, pad, in, out int) (before, behind int) {
	for at := range min(stride, in) {
		last := (in - 1 - at) / stride // the phase's last pixel
		for _, t := range phaseTaps(at, taps, stride, dilation, pad) {
			before, behind = max(before, -t.at), max(behind, last+t.at-(out-1))
		}
	}
	return before, behind
}
