package engine

import (
	"slices"

	"featstore/extract/internal/kernel"
)

// A byteConvStep is a convStep on bytes.
type byteConvStep struct {
	convStep
	panels []*kernel.PackedBytes // one a group
	quant  kernel.QuantParams
	sums   int // how many bytes each weight is the sum of
}

func (s *byteConvStep) prepare() {
	s.segments() // their sums are exact, however deep
	s.blocks()
	s.perBlock *= 4
	s.offs = slices.Repeat(s.offs, s.sums)
}

// runLines computes lines [from, to), block by block.
func (s *byteConvStep) runLines(r *Runner, h *worker, from, to int) {
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
func (s *byteConvStep) panel(r *Runner, h *worker, g int, q *kernel.BytePanel, from, to int) {
	in, out, t := r.bytes(s.in), r.bytes(s.out), &h.byteTile
	col := g*(s.cout/s.group) + q.Col
	t.Offs, t.K, t.LDA, t.LDC = s.offs, s.k, s.sw*s.in.ld, s.out.ld
	t.ZeroPoint, t.Max = s.quant.ZeroPoint, s.quant.Max
	rows, pixels := s.rows(from, to)
	for i := from; i < from+rows; i++ {
		a, c, _ := s.line(i)
		t.A, t.C = in[a+g*(s.cin/s.group):], out[c+col:]
		q.Multiply(t, pixels)
	}
}

// A byteDepthwiseStep is a depthwiseStep on bytes.
type byteDepthwiseStep struct {
	convShape
	in, out *view
	packed  *kernel.PackedTaps
	quant   kernel.QuantParams
	taps    []int
}

func (s *byteDepthwiseStep) prepare() {
	s.taps = s.packed.Offsets(s.dw*s.in.ld, s.dh*s.in.row())
}

func (s *byteDepthwiseStep) size() int { return s.out.n * s.out.h }

func (s *byteDepthwiseStep) runLines(r *Runner, h *worker, from, to int) {
	in, out, d := r.bytes(s.in), r.bytes(s.out), &h.byteDepthwise
	d.Taps, d.Step, d.LDO, d.C, d.N = s.taps, s.sw*s.in.ld, s.out.ld, s.cout, s.out.w
	d.ZeroPoint, d.Max = s.quant.ZeroPoint, s.quant.Max
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		d.In, d.Out = in[s.in.at(n, y*s.sh-s.pad.top, -s.pad.left):], out[s.out.at(n, y, 0):]
		s.packed.Convolve(d)
	}
}

// pieces cuts a row of pixels into pieces without gaps in any of the views.
func pieces(views ...*view) (count, width int) {
	p := views[0]
	for _, q := range views {
		if q.ld != q.c {
			return p.w, p.c
		}
	}
	return 1, p.w * p.c
}

// eachPiece calls f with where the pieces of lines [from, to) begin in two views.
func eachPiece(from, to int, in, out *view, f func(at, to, width int)) {
	count, width := pieces(in, out)
	for i := from; i < to; i++ {
		for x := range count {
			f(in.at(i/in.h, i%in.h, x), out.at(i/in.h, i%in.h, x), width)
		}
	}
}

// A byteBinaryStep is a binaryStep on bytes.
type byteBinaryStep struct {
	kernel.ByteBinary
	binaryStep
}

func (s *byteBinaryStep) scratch() int { return (s.binaryStep.scratch() + 3) / 4 }

func (s *byteBinaryStep) runLines(r *Runner, h *worker, from, to int) {
	a, b, out := r.bytes(s.a), r.bytes(s.b), r.bytes(s.out)
	pieces, width := s.pieces()
	repeated, image := kernel.BytesOf(h.scratch(s.scratch())), -1 // of which image the repeated pixel is
	combine := r.set.AddBytes
	if s.fn == '*' {
		combine = r.set.MulBytes
	}
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		if s.perImage && n != image {
			image = n
			repeat(repeated[:width], b[s.b.at(n, 0, 0):][:s.b.c])
		}
		for x := range pieces {
			right := repeated
			if !s.perImage {
				right = b[s.b.at(n, y, x):]
			}
			combine(out[s.out.at(n, y, x):][:width], a[s.a.at(n, y, x):], right, &s.ByteBinary)
		}
	}
}

type quantizeStep struct {
	quant   kernel.QuantParams
	in, out *view
}

func (s *quantizeStep) prepare() {}

func (s *quantizeStep) size() int { return s.out.n * s.out.h }

func (s *quantizeStep) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.mem(s.in), r.bytes(s.out)
	eachPiece(from, to, s.in, s.out, func(a, b, n int) { r.set.Quantize(out[b:b+n], in[a:], s.quant) })
}

type dequantizeStep struct {
	scale   float32
	zero    int32
	in, out *view
}

func (s *dequantizeStep) prepare() {}

func (s *dequantizeStep) size() int { return s.out.n * s.out.h }

func (s *dequantizeStep) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.bytes(s.in), r.mem(s.out)
	eachPiece(from, to, s.in, s.out, func(a, b, n int) { r.set.Dequantize(out[b:b+n], in[a:], s.scale, s.zero) })
}

type lookupStep struct {
	table   [256]byte
	in, out *view
}

func (s *lookupStep) prepare() {}

func (s *lookupStep) size() int { return s.out.n * s.out.h }

func (s *lookupStep) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.bytes(s.in), r.bytes(s.out)
	eachPiece(from, to, s.in, s.out, func(a, b, n int) { r.set.Lookup(out[b:b+n], in[a:], &s.table) })
}

// A bytePoolStep is a poolStep that takes the largest byte.
type bytePoolStep struct{ poolStep }

func (s *bytePoolStep) scratch() int { return (s.in.w*s.in.c + 3) / 4 }

func (s *bytePoolStep) runLines(r *Runner, h *worker, from, to int) {
	in, out := r.bytes(s.in), r.bytes(s.out)
	buf := kernel.BytesOf(h.scratch(s.scratch()))
	count, width := pieces(s.in)
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		rows := s.clip(0, y, s.in.h, s.pad.top, s.pad.bottom)
		for x := range count {
			dst := buf[x*width:][:width]
			copy(dst, in[s.in.at(n, rows.from, x):])
			for y := rows.from + 1; y < rows.to; y++ {
				r.set.MaxBytes(dst, in[s.in.at(n, y, x):])
			}
		}
		for x, columns := range s.columns {
			dst := out[s.out.at(n, y, x):][:s.out.c]
			copy(dst, buf[columns.from*len(dst):])
			for x := columns.from + 1; x < columns.to; x++ {
				r.set.MaxBytes(dst, buf[x*len(dst):])
			}
		}
	}
}

// A byteMeanStep averages all pixels of an image to floats.
type byteMeanStep struct {
	scale   float32
	zero    int32
	in, out *view
}

func (s *byteMeanStep) prepare() {}

func (s *byteMeanStep) scratch() int { return s.in.c }

func (s *byteMeanStep) run(r *Runner) error {
	in, out := r.bytes(s.in), r.mem(s.out)
	sums := kernel.Words(r.scratch(s.scratch()))
	pixels := s.in.h * s.in.w
	for n := range s.in.n {
		clear(sums)
		for i := range pixels {
			r.set.SumBytes(sums, in[s.in.at(n, i/s.in.w, i%s.in.w):])
		}
		dst := out[meanAt(s.in, s.out, n):][:s.in.c]
		for c, sum := range sums {
			whole := int64(sum) - int64(pixels)*int64(s.zero)
			dst[c] = float32(float64(whole) * float64(s.scale) / float64(pixels))
		}
	}
	return nil
}
