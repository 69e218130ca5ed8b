package engine

// clearHalo zeroes the border pixels of a root before its first use in a run:
// the arena's memory held something else before.
type clearHalo struct{ root *root }

func (s *clearHalo) prepare() {}

func (s *clearHalo) run(r *Runner) error {
	t := s.root
	m := r.arena[t.off : t.off+t.size]
	row := (t.w + t.halo.left + t.halo.right) * t.ld
	left, right := t.halo.left*t.ld, t.halo.right*t.ld
	for range t.n {
		clear(m[:t.halo.top*row])
		m = m[t.halo.top*row:]
		for range t.h {
			clear(m[:left])
			clear(m[row-right : row])
			m = m[row:]
		}
		clear(m[:t.halo.bottom*row])
		m = m[t.halo.bottom*row:]
	}
	return nil
}

// loadInput copies the caller's image, contiguous, into the arena.
type loadInput struct{ out *place }

func (s *loadInput) prepare() {}

func (s *loadInput) run(r *Runner) error {
	copyRows(r.mem(s.out), s.out, r.in, packedPlace(s.out))
	return nil
}

// storeOutput copies the result to the caller's slice.
type storeOutput struct{ in *place }

func (s *storeOutput) prepare() {}

func (s *storeOutput) run(r *Runner) error {
	copyRows(r.out, packedPlace(s.in), r.mem(s.in), s.in)
	return nil
}

// packedPlace has p's dimensions without gaps or halo, from offset 0.
func packedPlace(p *place) *place {
	return &place{root: &root{}, n: p.n, h: p.h, w: p.w, c: p.c, ld: p.c}
}

// copyStep copies a value to another place. Where the dimensions differ, one was
// reshaped: both are then sequences of the same values in the same order.
type copyStep struct {
	in, out *place
	flatIn  *place // where only the input has gaps: the input's dimensions, packed
	flatOut *place
}

func (s *copyStep) prepare() {
	s.flatIn, s.flatOut = packedPlace(s.in), packedPlace(s.out)
}

func (s *copyStep) run(r *Runner) error {
	in, out := r.mem(s.in), r.mem(s.out)
	switch {
	case s.in.n == s.out.n && s.in.h == s.out.h && s.in.w == s.out.w && s.in.c == s.out.c:
		copyRows(out, s.out, in, s.in)
	case s.in.contiguous():
		copyRows(out, s.out, in[s.in.ch:], s.flatOut)
	case s.out.contiguous():
		copyRows(out[s.out.ch:], s.flatIn, in, s.in)
	default:
		buf := r.buffer(s.in.len())
		copyRows(buf, s.flatIn, in, s.in)
		copyRows(out, s.out, buf, s.flatOut)
	}
	return nil
}

// copyRows copies between two places of the same dimensions.
func copyRows(dst []float32, to *place, src []float32, from *place) {
	whole := to.ld == to.c && from.ld == from.c
	for n := range to.n {
		for y := range to.h {
			d, s := to.at(n, y, 0), from.at(n, y, 0)
			if whole {
				copy(dst[d:d+to.w*to.c], src[s:s+to.w*to.c])
				continue
			}
			for range to.w {
				copy(dst[d:d+to.c], src[s:s+to.c])
				d, s = d+to.ld, s+from.ld
			}
		}
	}
}

// padStep surrounds an image by zeros.
type padStep struct {
	borders
	in, out *place
}

func (s *padStep) prepare() {}

func (s *padStep) run(r *Runner) error {
	in, out := r.mem(s.in), r.mem(s.out)
	for n := range s.out.n {
		for y := range s.out.h {
			for x := range s.out.w {
				d := out[s.out.at(n, y, x):][:s.out.c]
				iy, ix := y-s.top, x-s.left
				if iy < 0 || iy >= s.in.h || ix < 0 || ix >= s.in.w {
					clear(d)
					continue
				}
				copy(d, in[s.in.at(n, iy, ix):])
			}
		}
	}
	return nil
}

// permuteStep copies a value into another order of axes.
type permuteStep struct {
	in, out  *place
	shape    []int
	from, to []int
	dims     []int // the result's dimensions in memory
	stride   []int // of the input, packed, along each of them
	flatIn   *place
	flatOut  *place
}

func (s *permuteStep) prepare() {
	s.flatIn, s.flatOut = packedPlace(s.in), packedPlace(s.out)
	stride := make([]int, len(s.shape)) // of the input, by logical axis
	n := 1
	for i := len(s.from) - 1; i >= 0; i-- {
		stride[s.from[i]] = n
		n *= s.shape[s.from[i]]
	}
	for _, axis := range s.to {
		s.dims, s.stride = append(s.dims, s.shape[axis]), append(s.stride, stride[axis])
	}
}

func (s *permuteStep) run(r *Runner) error {
	buf := r.buffer(2 * s.in.len())
	src, dst := buf[:s.in.len()], buf[s.in.len():]
	if s.in.contiguous() {
		src = r.mem(s.in)[s.in.ch:][:s.in.len()]
	} else {
		copyRows(src, s.flatIn, r.mem(s.in), s.in)
	}
	if s.out.contiguous() {
		dst = r.mem(s.out)[s.out.ch:][:s.out.len()]
	}
	permute(dst, src, s.dims, s.stride)
	if !s.out.contiguous() {
		copyRows(r.mem(s.out), s.out, dst, s.flatOut)
	}
	return nil
}

// permute fills dst, row-major with the given dimensions, from src at the given
// strides.
func permute(dst, src []float32, dims, stride []int) {
	if len(dims) == 0 {
		dst[0] = src[0]
		return
	}
	if len(dims) == 1 {
		at := 0
		for i := range dst[:dims[0]] {
			dst[i] = src[at]
			at += stride[0]
		}
		return
	}
	inner := len(dst) / dims[0]
	for i := range dims[0] {
		permute(dst[i*inner:(i+1)*inner], src[i*stride[0]:], dims[1:], stride[1:])
	}
}
