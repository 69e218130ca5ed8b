package exec

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/kernel"
)

// Permute copies a value into another order of axes.
type Permute struct {
	In, Out  *memory.View
	Shape    []int
	From, To []int
	moves    Moves
	flatIn   *memory.View
	flatOut  *memory.View
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
}

func (s *Permute) scratch() int { return 2 * s.In.Len() }

func (s *Permute) run(r *Runner) error {
	buf := r.scratch(s.scratch())
	if s.In.Buffer.Bytes {
		permuteView(s, r.bytes(s.Out), r.bytes(s.In), kernel.BytesOf(buf))
	} else {
		permuteView(s, r.mem(s.Out), r.mem(s.In), buf)
	}
	return nil
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
