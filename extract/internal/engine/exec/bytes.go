package exec

import (
	"slices"

	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// A ByteConv is a Conv on bytes.
type ByteConv struct {
	Conv
	panels []*kernel.PackedBytes // one a group
	quant  kernel.QuantParams
	sums   int // how many bytes each weight is the sum of
}

// NewByteConv packs the weights of a convolution of bytes.
func NewByteConv(set *kernel.Set, c ConvShape, w kernel.ByteWeights, quant kernel.QuantParams, in, out *memory.View) *ByteConv {
	s := &ByteConv{Conv: Conv{ConvShape: c, in: in, out: out}, quant: quant}
	s.segments()
	s.sums = w.Segments
	w.N, w.Segments, w.K = c.COut/c.Group, s.sums*len(s.offs), s.k
	row := w.Segments * w.K
	for g := range c.Group {
		part := w
		part.W, part.Bias = w.W[g*w.N*row:][:w.N*row], w.Bias[g*w.N:][:w.N]
		part.Scale, part.Offset = w.Scale[g*w.N:][:w.N], w.Offset[g*w.N:][:w.N]
		s.panels = append(s.panels, set.PackBytes(part))
	}
	s.offs = nil // once the views have their halos they lie elsewhere
	return s
}

func (s *ByteConv) WeightBytes() int {
	n := 0
	for _, q := range s.panels {
		n += q.Bytes()
	}
	return n
}

func (s *ByteConv) prepare() {
	s.segments() // their sums are exact, however deep
	s.blocks()
	s.perBlock *= 4
	s.offs = slices.Repeat(s.offs, s.sums)
}

// runLines computes lines [from, to), block by block.
func (s *ByteConv) runLines(r *Runner, h *worker, from, to int) {
	for ; from < to; from += s.perBlock {
		end := min(from+s.perBlock, to)
		for g, p := range s.panels {
			for i := range p.Panels {
				s.panel(r, h, g, &p.Panels[i], from, end)
			}
		}
	}
}

// panel computes one panel of output channels of group g for lines [from, to).
func (s *ByteConv) panel(r *Runner, h *worker, g int, q *kernel.BytePanel, from, to int) {
	in, out, t := r.bytes(s.in), r.bytes(s.out), &h.byteTile
	col := g*(s.COut/s.Group) + q.Col
	t.Offs, t.K, t.LDA, t.LDC = s.offs, s.k, s.SW*s.in.LD, s.out.LD
	t.ZeroPoint, t.Max = s.quant.ZeroPoint, s.quant.Max
	rows, pixels := s.rows(from, to)
	for i := from; i < from+rows; i++ {
		a, c, _ := s.line(i)
		t.A, t.C = in[a+g*(s.CIn/s.Group):], out[c+col:]
		q.Multiply(t, pixels)
	}
}

// A ByteDepthwise is a Depthwise on bytes.
type ByteDepthwise struct {
	ConvShape
	in, out *memory.View
	packed  *kernel.PackedTaps
	quant   kernel.QuantParams
	taps    []int
}

func NewByteDepthwise(set *kernel.Set, c ConvShape, w kernel.ByteWeights, quant kernel.QuantParams, in, out *memory.View) *ByteDepthwise {
	return &ByteDepthwise{ConvShape: c, in: in, out: out, packed: set.PackTaps(w, c.KW), quant: quant}
}

func (s *ByteDepthwise) WeightBytes() int { return s.packed.Bytes() }

func (s *ByteDepthwise) prepare() {
	s.taps = s.packed.Offsets(s.DW*s.in.LD, s.DH*s.in.Row())
}

func (s *ByteDepthwise) size() int { return s.out.N * s.out.H }

func (s *ByteDepthwise) runLines(r *Runner, h *worker, from, to int) {
	in, out, d := r.bytes(s.in), r.bytes(s.out), &h.byteDepthwise
	d.Taps, d.Step, d.LDO, d.C, d.N = s.taps, s.SW*s.in.LD, s.out.LD, s.COut, s.out.W
	d.ZeroPoint, d.Max = s.quant.ZeroPoint, s.quant.Max
	for i := from; i < to; i++ {
		n, y := i/s.out.H, i%s.out.H
		d.In, d.Out = in[s.in.At(n, y*s.SH-s.Pad.Top, -s.Pad.Left):], out[s.out.At(n, y, 0):]
		s.packed.Convolve(d)
	}
}

// pieces cuts a row of pixels into pieces without gaps in any of the views.
func pieces(views ...*memory.View) (count, width int) {
	p := views[0]
	for _, q := range views {
		if q.LD != q.C {
			return p.W, p.C
		}
	}
	return 1, p.W * p.C
}

// eachPiece calls f with where the pieces of lines [from, to) begin in two views.
func eachPiece(from, to int, in, out *memory.View, f func(at, to, width int)) {
	count, width := pieces(in, out)
	for i := from; i < to; i++ {
		for x := range count {
			f(in.At(i/in.H, i%in.H, x), out.At(i/in.H, i%in.H, x), width)
		}
	}
}

// A ByteBinary is a Binary on bytes.
type ByteBinary struct {
	kernel.ByteBinary
	Binary
}

func (s *ByteBinary) scratch() int { return (s.Binary.scratch() + 3) / 4 }

func (s *ByteBinary) runLines(r *Runner, h *worker, from, to int) {
	a, b, out := r.bytes(s.A), r.bytes(s.B), r.bytes(s.Out)
	pieces, width := s.pieces()
	repeated, image := kernel.BytesOf(h.scratch(s.scratch())), -1 // of which image the repeated pixel is
	combine := r.set.AddBytes
	if s.Fn == '*' {
		combine = r.set.MulBytes
	}
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		if s.perImage && n != image {
			image = n
			repeat(repeated[:width], b[s.B.At(n, 0, 0):][:s.B.C])
		}
		for x := range pieces {
			right := repeated
			if !s.perImage {
				right = b[s.B.At(n, y, x):]
			}
			combine(out[s.Out.At(n, y, x):][:width], a[s.A.At(n, y, x):], right, &s.ByteBinary)
		}
	}
}

type Quantize struct {
	Quant   kernel.QuantParams
	In, Out *memory.View
}

func (s *Quantize) prepare() {}

func (s *Quantize) size() int { return s.Out.N * s.Out.H }

func (s *Quantize) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.mem(s.In), r.bytes(s.Out)
	eachPiece(from, to, s.In, s.Out, func(a, b, n int) { r.set.Quantize(out[b:b+n], in[a:], s.Quant) })
}

type Dequantize struct {
	Scale   float32
	Zero    int32
	In, Out *memory.View
}

func (s *Dequantize) prepare() {}

func (s *Dequantize) size() int { return s.Out.N * s.Out.H }

func (s *Dequantize) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.bytes(s.In), r.mem(s.Out)
	eachPiece(from, to, s.In, s.Out, func(a, b, n int) { r.set.Dequantize(out[b:b+n], in[a:], s.Scale, s.Zero) })
}

type Lookup struct {
	Table   [256]byte
	In, Out *memory.View
}

func (s *Lookup) prepare() {}

func (s *Lookup) size() int { return s.Out.N * s.Out.H }

func (s *Lookup) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.bytes(s.In), r.bytes(s.Out)
	eachPiece(from, to, s.In, s.Out, func(a, b, n int) { r.set.Lookup(out[b:b+n], in[a:], &s.Table) })
}

// A BytePool is a Pool that takes the largest byte.
type BytePool struct{ Pool }

func (s *BytePool) scratch() int { return (s.In.W*s.In.C + 3) / 4 }

func (s *BytePool) runLines(r *Runner, h *worker, from, to int) {
	in, out := r.bytes(s.In), r.bytes(s.Out)
	buf := kernel.BytesOf(h.scratch(s.scratch()))
	count, width := pieces(s.In)
	for i := from; i < to; i++ {
		n, y := i/s.Out.H, i%s.Out.H
		rows := s.clip(0, y, s.In.H, s.Pad.Top, s.Pad.Bottom)
		for x := range count {
			dst := buf[x*width:][:width]
			copy(dst, in[s.In.At(n, rows.from, x):])
			for y := rows.from + 1; y < rows.to; y++ {
				r.set.MaxBytes(dst, in[s.In.At(n, y, x):])
			}
		}
		for x, columns := range s.columns {
			dst := out[s.Out.At(n, y, x):][:s.Out.C]
			copy(dst, buf[columns.from*len(dst):])
			for x := columns.from + 1; x < columns.to; x++ {
				r.set.MaxBytes(dst, buf[x*len(dst):])
			}
		}
	}
}

// A ByteMean averages all pixels of an image to floats.
type ByteMean struct {
	Scale   float32
	Zero    int32
	In, Out *memory.View
}

func (s *ByteMean) prepare() {}

func (s *ByteMean) scratch() int { return s.In.C }

func (s *ByteMean) run(r *Runner) error {
	in, out := r.bytes(s.In), r.mem(s.Out)
	sums := kernel.Words(r.scratch(s.scratch()))
	pixels := s.In.H * s.In.W
	for n := range s.In.N {
		clear(sums)
		for i := range pixels {
			r.set.SumBytes(sums, in[s.In.At(n, i/s.In.W, i%s.In.W):])
		}
		dst := out[meanAt(s.In, s.Out, n):][:s.In.C]
		for c, sum := range sums {
			whole := int64(sum) - int64(pixels)*int64(s.Zero)
			dst[c] = float32(float64(whole) * float64(s.Scale) / float64(pixels))
		}
	}
	return nil
}
