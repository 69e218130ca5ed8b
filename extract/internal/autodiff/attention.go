package autodiff

import (
	"fmt"
	"math"

	"featstore/extract/internal/tensor"
)

// attention: for each head, of Y = P·V with P = softmax(S) and S = α·Q·Kᵀ + mask,
//
//	dV = Pᵀ·dY, dP = dY·Vᵀ, dS = P∘(dP − rows' sums of P∘dP),
//	dQ = α·dS·K, dK = α·dSᵀ·Q and dmask = dS, summed where it was broadcast.
//
// Heads of queries that share a head of keys and values add to its gradient. P is the
// operator's own, which its fourth result shows.
func attention(s *step) error {
	if s.has(4) || s.Float("softcap", 0) != 0 {
		return fmt.Errorf("with past keys or a soft cap: %w", ErrNoRule)
	}
	out, err := s.again(s.in, attrs{"qk_matmul_output_mode": int64(3)}, 4)
	if err != nil {
		return err
	}
	qi, err := headed(s.in[0].Shape, s.Int("q_num_heads", 1))
	if err != nil {
		return err
	}
	yi, err := headed(s.out[0].Shape, s.Int("q_num_heads", 1))
	if err != nil {
		return err
	}
	ki, err := headed(s.in[1].Shape, s.Int("kv_num_heads", 1))
	if err != nil {
		return err
	}
	vi, err := headed(s.in[2].Shape, s.Int("kv_num_heads", 1))
	if err != nil {
		return err
	}
	scores, keyShape := out[3].Shape, out[1].Shape // B×heads×queries×keys, B×heads×keys×size
	h := &head{queries: scores[2], keys: scores[3], size: keyShape[3], valueSize: out[2].Shape[3]}
	h.scale = float64(s.Float("scale", float32(1/math.Sqrt(float64(h.size)))))
	shared := scores[1] / keyShape[1]
	p := tensor.Values[float64](out[3])
	ds := make([]float64, len(p))
	for i := range s.in[:3] {
		s.dx[i] = make([]float64, len(s.x(i)))
	}
	for n := range scores[0] * scores[1] {
		kv := n / shared
		h.q, h.k = places(qi, n, h.queries*h.size), places(ki, kv, h.keys*h.size)
		h.v, h.y = places(vi, kv, h.keys*h.valueSize), places(yi, n, h.queries*h.valueSize)
		size := h.queries * h.keys
		h.back(s, p[n*size:][:size], ds[n*size:][:size])
	}
	if s.real(3) {
		s.dx[3], err = folded(ds, s.in[3].Shape, scores)
	}
	return err
}

func places(at []int, n, size int) []int { return at[n*size:][:size] }

// headed returns where in an array the elements of B×heads×S×D lie: it has that shape,
// or B×S×(heads·D).
func headed(shape []int, heads int) ([]int, error) {
	t := numbered(1, shape)
	if len(shape) == 4 {
		return numbers(t), nil
	}
	t = tensor.New(tensor.Values[float64](t), shape[0], shape[1], heads, shape[2]/heads)
	t, err := apply("Transpose", attrs{"perm": []int64{0, 2, 1, 3}}, t)
	if err != nil {
		return nil, err
	}
	return numbers(t), nil
}

// A head is one head of one image: where its rows of Q, K, V and Y lie.
type head struct {
	queries, keys, size, valueSize int
	scale                          float64
	q, k, v, y                     []int
}

// back adds a head's part to the gradients by Q, K and V, and sets that by its scores.
func (h *head) back(s *step, p, ds []float64) {
	q, k, v := s.x(0), s.x(1), s.x(2)
	for i := range h.queries {
		sum := 0.0
		for j := range h.keys {
			dp, at := 0.0, i*h.keys+j
			for d := range h.valueSize {
				dy := s.dy[0][h.y[i*h.valueSize+d]]
				dp += dy * v[h.v[j*h.valueSize+d]]
				s.dx[2][h.v[j*h.valueSize+d]] += p[at] * dy
			}
			ds[at] = dp
			sum += p[at] * dp
		}
		for j := range h.keys {
			at := i*h.keys + j
			ds[at] = p[at] * (ds[at] - sum)
			for d := range h.size {
				s.dx[0][h.q[i*h.size+d]] += h.scale * ds[at] * k[h.k[j*h.size+d]]
				s.dx[1][h.k[j*h.size+d]] += h.scale * ds[at] * q[h.q[i*h.size+d]]
			}
		}
	}
}
