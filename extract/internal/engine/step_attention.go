package engine

// A rowStep applies softmax or layer normalisation to every pixel.
type rowStep struct {
	scale, shift []float32 // of layer normalization; nil for softmax
	epsilon      float32
	factor       float32 // softmax of factor·x
	in, out      *view
}

func (s *rowStep) prepare() {}

func (s *rowStep) size() int { return s.out.n * s.out.h }

func (s *rowStep) runLines(r *Runner, _ *worker, from, to int) {
	in, out := r.mem(s.in), r.mem(s.out)
	for i := from; i < to; i++ {
		n, y := i/s.out.h, i%s.out.h
		for x := range s.out.w {
			src, dst := in[s.in.at(n, y, x):][:s.in.c], out[s.out.at(n, y, x):][:s.out.c]
			if s.scale != nil {
				r.set.LayerNorm(dst, src, s.scale, s.shift, s.epsilon)
				continue
			}
			copy(dst, src)
			r.set.Softmax(dst, s.factor)
		}
	}
}

// A matmulStep multiplies two computed values. A line is one pair of matrices:
// the right one is packed for the kernels first.
type matmulStep struct {
	a, b, out  *array
	m, n, k    int
	batch      []int // the batch axes' sizes
	sa, sb, so []int // strides by logical axis
}

func (s *matmulStep) prepare() { s.sa, s.sb, s.so = s.a.strides(), s.b.strides(), s.out.strides() }

func (s *matmulStep) size() int {
	n := 1
	for _, d := range s.batch {
		n *= d
	}
	return n
}

func (s *matmulStep) runLines(r *Runner, h *worker, from, to int) {
	packed := h.packed[s]
	rank := len(s.sa)
	a, b, out, t := r.mem(s.a.view), r.mem(s.b.view), r.mem(s.out.view), &h.tile
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = zeroOffset, s.k, s.sa[rank-2], s.so[rank-2], nil, -infinity, infinity
	for i := from; i < to; i++ {
		packed.Fill(b[s.at(s.b.view, s.sb, i):], s.sb[rank-2], s.sb[rank-1])
		for p := range packed.Panels {
			q := &packed.Panels[p]
			t.A, t.C = a[s.at(s.a.view, s.sa, i):], out[s.at(s.out.view, s.so, i)+q.Col:]
			q.Multiply(t, s.m)
		}
	}
}

// at is where the i-th matrix begins.
func (s *matmulStep) at(p *view, stride []int, i int) int {
	at := p.at(0, 0, 0)
	for d := len(s.batch) - 1; d >= 0; d-- {
		at += i % s.batch[d] * stride[d]
		i /= s.batch[d]
	}
	return at
}

// A sliceStep copies a range of an axis where a view is not possible.
type sliceStep struct {
	in, out *view
	begin   int // the first element in the input's buffer
	moves   moves
	flatOut *view
}

func (s *sliceStep) prepare() { s.flatOut = packedView(s.out) }

func (s *sliceStep) scratch() int {
	if s.out.contiguous() {
		return 0
	}
	return s.out.len()
}

func (s *sliceStep) run(r *Runner) error {
	out, in := r.mem(s.out), r.mem(s.in)[s.begin:]
	if s.out.contiguous() {
		s.moves.permute(out[s.out.ch:][:s.out.len()], in)
		return nil
	}
	buf := r.scratch(s.scratch())
	s.moves.permute(buf, in)
	copyRows(out, s.out, buf, s.flatOut)
	return nil
}
