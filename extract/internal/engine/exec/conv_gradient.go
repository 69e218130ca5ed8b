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
// of its results to the gradient of the weights. A line is a few inputs of one tap, of
// all pixels: so every sum is one worker's, in the order of the pixels. The last line is
// the bias.
type WeightGradient struct {
	ConvShape
	Weight, Bias []float32 // their gradients, nil for one that is not trained
	In, Out      *memory.View

	steps    int   // pixels of a segment
	a, b     []int // where segments begin, in the input and the gradient
	rest     int   // pixels of the last segment, which has its own length; 0 for none
	perBlock int   // segments whose pixels stay in the cache while all lines pass
}

// inputsPerLine is how many channels of the input a line has: two tiles of AVX-512.
const inputsPerLine = 28

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
	s.perBlock = max(1, blockFloats/(s.steps*(s.SW*s.CIn+s.COut)/s.Group))
}

func (s *WeightGradient) inputBlocks() int {
	return (s.CIn/s.Group + inputsPerLine - 1) / inputsPerLine
}

func (s *WeightGradient) weightLines() int {
	if s.Weight == nil {
		return 0
	}
	return s.Group * s.KH * s.KW * s.inputBlocks()
}

func (s *WeightGradient) size() int { return s.weightLines() + 1 }

func (s *WeightGradient) runLines(r *Runner, h *worker, from, to int) {
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
	if to > s.weightLines() && s.Bias != nil {
		s.addBias(r)
	}
}

// line adds what some segments bring to the weights of a line.
func (s *WeightGradient) line(r *Runner, h *worker, line, from, to, steps int) {
	blocks, taps, ci, co := s.inputBlocks(), s.KH*s.KW, s.CIn/s.Group, s.COut/s.Group
	block, tap, g := line%blocks, line/blocks%taps, line/blocks/taps
	first, last := ci*block/blocks, ci*(block+1)/blocks
	o := &h.outer
	o.A = r.mem(s.In)[tap/s.KW*s.DH*s.In.Row()+tap%s.KW*s.DW*s.In.LD+g*ci+first:]
	o.B = r.mem(s.Out)[g*co:]
	o.OffsA, o.OffsB, o.StepA, o.StepB, o.K = s.a[from:to], s.b[from:to], s.SW*s.In.LD, s.Out.LD, steps
	o.C, o.LDC, o.Cols = s.Weight[((g*taps+tap)*ci+first)*co:], co, co
	r.set.AddOuter(o, last-first)
}

func (s *WeightGradient) addBias(r *Runner) {
	out, sum := r.mem(s.Out), s.Bias
	for i := range s.Out.N * s.Out.H {
		n, y := i/s.Out.H, i%s.Out.H
		for x := range s.Out.W {
			r.set.AddInto(sum, out[s.Out.At(n, y, x):])
		}
	}
}

// A DepthwiseGradient is a WeightGradient for depthwise weights. A line is a
// few channels.
type DepthwiseGradient struct {
	ConvShape
	Weight, Bias []float32 // their gradients, nil for one that is not trained
	In, Out      *memory.View
}

// channelsPerLine is a few vectors: enough for a row of pixels to be worth a call.
const channelsPerLine = 64

func (s *DepthwiseGradient) prepare() {}

func (s *DepthwiseGradient) size() int { return (s.COut + channelsPerLine - 1) / channelsPerLine }

func (s *DepthwiseGradient) runLines(r *Runner, h *worker, from, to int) {
	first, last := from*channelsPerLine, min(to*channelsPerLine, s.COut)
	in, out, d := r.mem(s.In), r.mem(s.Out), &h.depthwiseGradient
	d.KW, d.Tap, d.Step, d.LDO, d.N, d.LDW, d.C = s.KW, s.DW*s.In.LD, s.SW*s.In.LD, s.Out.LD, s.Out.W, s.COut, last-first
	for i := range s.Out.N * s.Out.H {
		n, y := i/s.Out.H, i%s.Out.H
		if w := s.Weight; w != nil {
			d.Out = out[s.Out.At(n, y, 0)+first:]
			for k := range s.KH {
				d.In = in[s.In.At(n, y*s.SH-s.Pad.Top+k*s.DH, -s.Pad.Left)+first:]
				d.W = w[k*s.KW*s.COut+first:]
				r.set.AddDepthwiseGradient(d)
			}
		}
		if b := s.Bias; b != nil {
			for x := range s.Out.W {
				r.set.AddInto(b[first:last], out[s.Out.At(n, y, x)+first:])
			}
		}
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

// phaseTaps returns the taps along an axis that pixels at, at+stride, … of the input
// are read by, in the order of where they lie in the result: pixel at + j·stride is read
// by tap k of output pixel j + (at + pad − k·dilation)/stride where that is whole.
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
