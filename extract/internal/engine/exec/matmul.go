package exec

import "featstore/extract/internal/engine/memory"

// A MatMul multiplies two computed values. A line is one pair of matrices:
// the right one is packed for the kernels first.
type MatMul struct {
	A, B, Out  *memory.Array
	M, N, K    int
	Batch      []int // the batch axes' sizes
	sa, sb, so []int // strides by logical axis
}

func (s *MatMul) prepare() { s.sa, s.sb, s.so = s.A.Strides(), s.B.Strides(), s.Out.Strides() }

func (s *MatMul) size() int {
	n := 1
	for _, d := range s.Batch {
		n *= d
	}
	return n
}

func (s *MatMul) runLines(r *Runner, h *worker, from, to int) {
	packed := h.packed[s]
	rank := len(s.sa)
	a, b, out, t := r.mem(s.A.View), r.mem(s.B.View), r.mem(s.Out.View), &h.tile
	t.Offs, t.K, t.LDA, t.LDC, t.R, t.Lo, t.Hi = zeroOffset, s.K, s.sa[rank-2], s.so[rank-2], nil, -infinity, infinity
	for i := from; i < to; i++ {
		packed.Fill(b[s.at(s.B.View, s.sb, i):], s.sb[rank-2], s.sb[rank-1])
		for p := range packed.Panels {
			q := &packed.Panels[p]
			t.A, t.C = a[s.at(s.A.View, s.sa, i):], out[s.at(s.Out.View, s.so, i)+q.Col:]
			q.Multiply(t, s.M)
		}
	}
}

// at is where the i-th matrix begins.
func (s *MatMul) at(p *memory.View, stride []int, i int) int {
	at := p.At(0, 0, 0)
	for d := len(s.Batch) - 1; d >= 0; d-- {
		at += i % s.Batch[d] * stride[d]
		i /= s.Batch[d]
	}
	return at
}
