package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// Permute copies a value into another order of axes. A line is what the innermost one or two
// of its dimensions span, or a row of a matrix that is transposed; where input or output
// have gaps there is one line.
type Permute struct {
	In, Out  *memory.View
	Shape    []int
	From, To []int
	moves    Moves
	flatIn   *memory.View
	flatOut  *memory.View
	outer    int // dimensions that lines are numbered by
	lines    int
}

func (s *Permute) prepare() {
	s.flatIn, s.flatOut = packedView(s.In), packedView(s.Out)
	stride := make([]int, len(s.Shape)) // of the input, by logical axis
	n := 1
	for i := len(s.From) - 1; i >= 0; i-- {
		stride[s.From[i]] = n
		n *= s.Shape[s.From[i]]
	}
	for _, axis := range s.To {
		s.moves.Append(s.Shape[axis], stride[axis])
	}
	s.lines = 1
	if !s.dense() {
		return
	}
	switch n := len(s.moves.dims); {
	case n == 2 && s.moves.stride[0] == 1:
		s.lines = s.moves.dims[0]
	case n > 1:
		s.outer = max(1, n-2)
		for _, d := range s.moves.dims[:s.outer] {
			s.lines *= d
		}
	}
}

// dense reports whether neither the input nor the output has gaps.
func (s *Permute) dense() bool { return s.In.Contiguous() && s.Out.Contiguous() }

func (s *Permute) size() int { return s.lines }

func (s *Permute) scratch() int {
	if s.dense() {
		return 0
	}
	return 2 * s.In.Len()
}

func (s *Permute) runLines(r *Runner, h *worker, from, to int) {
	bytes := s.In.Buffer.Bytes
	switch dense := s.dense(); {
	case dense && bytes:
		permuteLines(s, r.bytes(s.Out)[s.Out.Ch:], r.bytes(s.In)[s.In.Ch:], from, to)
	case dense:
		permuteLines(s, r.mem(s.Out)[s.Out.Ch:], r.mem(s.In)[s.In.Ch:], from, to)
	case bytes:
		permuteView(s, r.bytes(s.Out), r.bytes(s.In), kernel.BytesOf(h.scratch(s.scratch())))
	default:
		permuteView(s, r.mem(s.Out), r.mem(s.In), h.scratch(s.scratch()))
	}
}

// permuteLines copies lines [from, to) of dense values.
func permuteLines[T float32 | byte](s *Permute, out, in []T, from, to int) {
	dims, stride := s.moves.dims, s.moves.stride
	if len(dims) == 2 && stride[0] == 1 {
		TransposeInto(out[from*dims[1]:], in[from:], to-from, dims[1], stride[1])
		return
	}
	inner := 1
	for _, d := range dims[s.outer:] {
		inner *= d
	}
	for line := from; line < to; line++ {
		at, rest := 0, line
		for i := s.outer - 1; i >= 0; i-- {
			at += rest % dims[i] * stride[i]
			rest /= dims[i]
		}
		permute(out[line*inner:(line+1)*inner], in[at:], dims[s.outer:], stride[s.outer:])
	}
}

func permuteView[T float32 | byte](s *Permute, out, in, buf []T) {
	n := s.In.Len()
	src, dst := buf[:n], buf[n:2*n]
	if s.In.Contiguous() {
		src = in[s.In.Ch:][:n]
	} else {
		copyRows(src, s.flatIn, in, s.In)
	}
	if s.Out.Contiguous() {
		dst = out[s.Out.Ch:][:n]
	}
	permute(dst, src, s.moves.dims, s.moves.stride)
	if !s.Out.Contiguous() {
		copyRows(out, s.Out, dst, s.flatOut)
	}
}

// Moves fill a row-major array: its dimensions, and the stride of the source along
// each of them. Dimensions of one element are left out and those that continue each
// other are one, so that the innermost ones are as long as can be.
type Moves struct{ dims, stride []int }

func (m *Moves) Append(dim, stride int) {
	last := len(m.dims) - 1
	switch {
	case dim == 1:
	case last >= 0 && m.stride[last] == dim*stride:
		m.dims[last] *= dim
		m.stride[last] = stride
	default:
		m.dims, m.stride = append(m.dims, dim), append(m.stride, stride)
	}
}

func (m *Moves) Permute(dst, src []float32) { permute(dst, src, m.dims, m.stride) }

// permute fills dst, row-major with the given dimensions, from src at the given
// strides.
func permute[T float32 | byte](dst, src []T, dims, stride []int) {
	switch {
	case len(dims) == 0:
		dst[0] = src[0]
	case len(dims) == 1 && stride[0] == 1:
		copy(dst[:dims[0]], src)
	case len(dims) == 1:
		at := 0
		for i := range dst[:dims[0]] {
			dst[i] = src[at]
			at += stride[0]
		}
	case len(dims) == 2 && stride[0] == 1:
		TransposeInto(dst, src, dims[0], dims[1], stride[1])
	default:
		inner := 1
		for _, d := range dims[1:] {
			inner *= d
		}
		for i := range dims[0] {
			permute(dst[i*inner:(i+1)*inner], src[i*stride[0]:], dims[1:], stride[1:])
		}
	}
}

// TransposeInto fills rows×cols values from a matrix whose rows, of the given
// stride, are the columns.
func TransposeInto[T float32 | byte](dst, src []T, rows, cols, stride int) {
	if cols == 2 { // as a shuffle of two halves has it
		a, b := src[:rows], src[stride:][:rows]
		for i, v := range a {
			pair := (*[2]T)(dst[2*i:])
			pair[0], pair[1] = v, b[i]
		}
		return
	}
	const block = 16 // columns of a block share the lines of dst that they write to
	for from := 0; from < rows; from += block {
		end := min(from+block, rows)
		for c := range cols {
			column := src[c*stride+from : c*stride+end]
			at := from*cols + c
			for _, v := range column {
				dst[at] = v
				at += cols
			}
		}
	}
}
