package engine

import "featstore/extract/internal/kernel"

// permuteStep copies a value into another order of axes.
type permuteStep struct {
	in, out  *view
	shape    []int
	from, to []int
	moves    moves
	flatIn   *view
	flatOut  *view
}

func (s *permuteStep) prepare() {
	s.flatIn, s.flatOut = packedView(s.in), packedView(s.out)
	stride := make([]int, len(s.shape)) // of the input, by logical axis
	n := 1
	for i := len(s.from) - 1; i >= 0; i-- {
		stride[s.from[i]] = n
		n *= s.shape[s.from[i]]
	}
	for _, axis := range s.to {
		s.moves.append(s.shape[axis], stride[axis])
	}
}

func (s *permuteStep) scratch() int { return 2 * s.in.len() }

func (s *permuteStep) run(r *Runner) error {
	buf := r.scratch(s.scratch())
	if s.in.buffer.bytes {
		permuteView(s, r.bytes(s.out), r.bytes(s.in), kernel.BytesOf(buf))
	} else {
		permuteView(s, r.mem(s.out), r.mem(s.in), buf)
	}
	return nil
}

func permuteView[T float32 | byte](s *permuteStep, out, in, buf []T) {
	n := s.in.len()
	src, dst := buf[:n], buf[n:2*n]
	if s.in.contiguous() {
		src = in[s.in.ch:][:n]
	} else {
		copyRows(src, s.flatIn, in, s.in)
	}
	if s.out.contiguous() {
		dst = out[s.out.ch:][:n]
	}
	permute(dst, src, s.moves.dims, s.moves.stride)
	if !s.out.contiguous() {
		copyRows(out, s.out, dst, s.flatOut)
	}
}

// moves fill a row-major array: its dimensions, and the stride of the source along
// each of them. Dimensions of one element are left out and those that continue each
// other are one, so that the innermost ones are as long as can be.
type moves struct{ dims, stride []int }

func (m *moves) append(dim, stride int) {
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

func (m *moves) permute(dst, src []float32) { permute(dst, src, m.dims, m.stride) }

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
		transposeInto(dst, src, dims[0], dims[1], stride[1])
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

// transposeInto fills rows×cols values from a matrix whose rows, of the given
// stride, are the columns.
func transposeInto[T float32 | byte](dst, src []T, rows, cols, stride int) {
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
