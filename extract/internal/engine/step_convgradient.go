package engine

import (
	"slices"

	"featstore/extract/internal/kernel"
)

// pixelsPerSegment is how many pixels that follow each other without a gap make one
// segment of a kernel.Outer.
const pixelsPerSegment = 64

// A weightGradientStep adds the products of a convolution's inputs with the gradients
// of its results to the gradient of the weights. A line is a few inputs of one tap, of
// all pixels: so every sum is one worker's, in the order of the pixels. The last line is
// the bias.
type weightGradientStep struct {
	convShape
	weight, bias *Parameter // nil for one that is not trained
	in, out      *view

	steps    int   // pixels of a segment
	a, b     []int // where segments begin, in the input and the gradient
	rest     int   // pixels of the last segment, which has its own length; 0 for none
	perBlock int   // segments whose pixels stay in the cache while all lines pass
}

// inputsPerLine is how many channels of the input a line has: two tiles of AVX-512.
const inputsPerLine = 28

func (s *weightGradientStep) prepare() {
	if s.pointwise() && s.in.dense() && s.out.dense() {
		pixels := s.out.n * s.out.h * s.out.w
		s.steps = min(pixels, pixelsPerSegment)
		for at := 0; at < pixels; at += s.steps {
			s.a, s.b = append(s.a, s.in.ch+at*s.in.ld), append(s.b, s.out.ch+at*s.out.ld)
		}
		s.rest = pixels % s.steps
	} else {
		s.steps = s.out.w
		for i := range s.out.n * s.out.h {
			n, y := i/s.out.h, i%s.out.h
			s.a = append(s.a, s.in.at(n, y*s.sh-s.pad.top, -s.pad.left))
			s.b = append(s.b, s.out.at(n, y, 0))
		}
	}
	s.perBlock = max(1, blockFloats/(s.steps*(s.sw*s.cin+s.cout)/s.group))
}

func (s *weightGradientStep) inputBlocks() int {
	return (s.cin/s.group + inputsPerLine - 1) / inputsPerLine
}

func (s *weightGradientStep) weightLines() int {
	if s.weight == nil {
		return 0
	}
	return s.group * s.kh * s.kw * s.inputBlocks()
}

func (s *weightGradientStep) size() int { return s.weightLines() + 1 }

func (s *weightGradientStep) runLines(r *Runner, h *worker, from, to int) {
	whole := len(s.a)
	if s.rest > 0 {
		whole--
	}
	for block := 0; block < whole; block += s.perBlock {
		end := min(block+s.perBlock, whole)
		for line := from; line < min(to, s.weightLines()); line++ {
			s.line(r, h, line, block, end, s.steps)
		}
	}
	if s.rest > 0 {
		for line := from; line < min(to, s.weightLines()); line++ {
			s.line(r, h, line, whole, whole+1, s.rest)
		}
	}
	if to > s.weightLines() && s.bias != nil {
		s.addBias(r)
	}
}

// line adds what some segments bring to the weights of a line.
func (s *weightGradientStep) line(r *Runner, h *worker, line, from, to, steps int) {
	blocks, taps, ci, co := s.inputBlocks(), s.kh*s.kw, s.cin/s.group, s.cout/s.group
	block, tap, g := line%blocks, line/blocks%taps, line/blocks/taps
	first, last := ci*block/blocks, ci*(block+1)/blocks
	o := &h.outer
	o.A = r.mem(s.in)[tap/s.kw*s.dh*s.in.row()+tap%s.kw*s.dw*s.in.ld+g*ci+first:]
	o.B = r.mem(s.out)[g*co:]
	o.OffsA, o.OffsB, o.StepA, o.StepB, o.K = s.a[from:to], s.b[from:to], s.sw*s.in.ld, s.out.ld, steps
	o.C, o.LDC, o.Cols = s.weight.Gradient[((g*taps+tap)*ci+first)*co:], co, co
	r.set.AddOuter(o, last-first)
}

func (s *weightGradientStep) addBias(r *Runner) {
	out, sum := r.mem(s.out), s.bias.Gradient
	for i := range s.out.n * s.out.h {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.out.w {
			r.set.AddInto(sum, out[s.out.at(n, y, x):])
		}
	}
}

// A depthwiseGradientStep is a weightGradientStep for depthwise weights. A line is a
// few channels.
type depthwiseGradientStep struct {
	convShape
	weight, bias *Parameter // nil for one that is not trained
	in, out      *view
}

// channelsPerLine is a few vectors: enough for a row of pixels to be worth a call.
const channelsPerLine = 64

func (s *depthwiseGradientStep) prepare() {}

func (s *depthwiseGradientStep) size() int { return (s.cout + channelsPerLine - 1) / channelsPerLine }

func (s *depthwiseGradientStep) runLines(r *Runner, h *worker, from, to int) {
	first, last := from*channelsPerLine, min(to*channelsPerLine, s.cout)
	in, out, d := r.mem(s.in), r.mem(s.out), &h.depthwiseGradient
	d.KW, d.Tap, d.Step, d.LDO, d.N, d.LDW, d.C = s.kw, s.dw*s.in.ld, s.sw*s.in.ld, s.out.ld, s.out.w, s.cout, last-first
	for i := range s.out.n * s.out.h {
		n, y := i/s.out.h, i%s.out.h
		if w := s.weight; w != nil {
			d.Out = out[s.out.at(n, y, 0)+first:]
			for k := range s.kh {
				d.In = in[s.in.at(n, y*s.sh-s.pad.top+k*s.dh, -s.pad.left)+first:]
				d.W = w.Gradient[k*s.kw*s.cout+first:]
				r.set.AddDepthwiseGradient(d)
			}
		}
		if b := s.bias; b != nil {
			for x := range s.out.w {
				r.set.AddInto(b.Gradient[first:last], out[s.out.at(n, y, x)+first:])
			}
		}
	}
}

// An inputGradientStep computes the gradient by the input of a convolution that moves
// by several pixels, phase by phase. A line is a row of pixels of a phase of one image.
type inputGradientStep struct {
	convShape
	in, out *view // the gradients by the result and by the input
	set     *kernel.Set
	source  func() *Parameter // of the weights
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

func (s *inputGradientStep) phases() {
	for y := range min(s.sh, s.out.h) {
		for x := range min(s.sw, s.out.w) {
			p := &phase{y: y, x: x, h: (s.out.h - y + s.sh - 1) / s.sh, w: (s.out.w - x + s.sw - 1) / s.sw,
				rows: phaseTaps(y, s.kh, s.sh, s.dh, s.pad.top), cols: phaseTaps(x, s.kw, s.sw, s.dw, s.pad.left)}
			taps := len(p.rows) * len(p.cols)
			switch {
			case taps == 0:
			case s.depthwise():
				p.weight, s.zeros = kernel.Aligned(taps*s.cout), kernel.Aligned(s.cout)
			default:
				p.buffer = make([]float32, taps*s.cin*s.cout/(s.group*s.group))
				for range s.group {
					p.packed = append(p.packed, s.set.NewPacked(s.cin/s.group, taps*s.cout/s.group))
				}
			}
			s.all = append(s.all, p)
		}
	}
}

// load packs the weights of all phases.
func (s *inputGradientStep) load() {
	w := s.source().Values
	ci, co := s.cin/s.group, s.cout/s.group
	for _, p := range s.all {
		taps := len(p.rows) * len(p.cols)
		for i := range taps {
			tap := p.rows[i/len(p.cols)].tap*s.kw + p.cols[i%len(p.cols)].tap
			if s.depthwise() {
				copy(p.weight[i*s.cout:][:s.cout], w[tap*s.cout:])
			}
		}
		for g, q := range p.packed {
			for i := range taps { // input × tap × output
				tap := p.rows[i/len(p.cols)].tap*s.kw + p.cols[i%len(p.cols)].tap
				for c := range ci {
					copy(p.buffer[(c*taps+i)*co:][:co], w[((g*s.kh*s.kw+tap)*ci+c)*co:])
				}
			}
			q.Fill(p.buffer, 1, taps*co)
		}
	}
}

func (s *inputGradientStep) prepare() {
	for _, p := range s.all {
		if len(p.rows)*len(p.cols) == 0 {
			continue
		}
		for _, r := range p.rows {
			for _, c := range p.cols {
				p.offs = append(p.offs, (r.at-p.rows[0].at)*s.in.row()+(c.at-p.cols[0].at)*s.in.ld)
			}
		}
		p.gap = s.in.ld
		if len(p.cols) > 1 {
			p.gap = (p.cols[1].at - p.cols[0].at) * s.in.ld
		}
		if s.depthwise() {
			for i := range p.rows {
				p.offs[i] = p.offs[i*len(p.cols)]
			}
			p.offs = slices.Clip(p.offs[:len(p.rows)])
		}
	}
}

func (s *inputGradientStep) size() int {
	lines := 0
	for _, p := range s.all {
		lines += s.out.n * p.h
	}
	return lines
}

func (s *inputGradientStep) runLines(r *Runner, h *worker, from, to int) {
	first := 0
	for _, p := range s.all {
		lines := s.out.n * p.h
		for i := max(from, first); i < min(to, first+lines); i++ {
			s.row(r, h, p, (i-first)/p.h, (i-first)%p.h)
		}
		first += lines
	}
}

// row computes the j-th row of a phase of the n-th image.
func (s *inputGradientStep) row(r *Runner, h *worker, p *phase, n, j int) {
	out := r.mem(s.out)[s.out.at(n, p.y+j*s.sh, p.x):]
	if len(p.offs) == 0 {
		for x := range p.w {
			clear(out[x*s.sw*s.out.ld:][:s.out.c])
		}
		return
	}
	in := r.mem(s.in)[s.in.at(n, j+p.rows[0].at, p.cols[0].at):]
	if s.depthwise() {
		d := &h.depthwise
		d.In, d.Rows, d.KW, d.Tap, d.Step = in, p.offs, len(p.cols), p.gap, s.in.ld
		d.W, d.LDW, d.Bias, d.C, d.Out, d.LDO, d.N, d.Lo, d.Hi = p.weight, s.cout, s.zeros, s.cout, out, s.sw*s.out.ld, p.w, -infinity, infinity
		r.set.Depthwise(d)
		return
	}
	t, ci, co := &h.tile, s.cin/s.group, s.cout/s.group
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = p.offs, co, s.in.ld, s.sw*s.out.ld, nil, -infinity, infinity
	for g, packed := range p.packed {
		for i := range packed.Panels {
			q := &packed.Panels[i]
			t.A, t.C = in[g*co:], out[g*ci+q.Col:]
			q.Multiply(t, p.w)
		}
	}
}
