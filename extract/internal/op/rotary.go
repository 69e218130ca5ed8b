package op

import "featstore/extract/internal/tensor"

// rotaryEmbedding turns pairs of features by angles that depend on the position:
// B×S×(heads·D) or B×heads×S×D, the cosines and sines of half the rotated size.
func rotaryEmbedding(c *call) []*tensor.Tensor {
	x, cos, sin, positions := c.float(0), c.float(1), c.float(2), c.opt(3)
	flat := len(x.Shape) == 3
	h := c.headed(x, "num_heads")
	batch, heads, steps, size := h.Shape[0], h.Shape[1], h.Shape[2], h.Shape[3]
	turned := c.int("rotary_embedding_dim", 0)
	if turned == 0 {
		turned = size
	}
	require(turned > 0 && turned <= size && turned%2 == 0, "rotary_embedding_dim %d of %d", turned, size)
	half := turned / 2
	checkAngles(h, half, cos, sin, positions)
	interleaved := c.flag("interleaved", false)
	y := c.floats(x.DType, h.Shape, func(out []float64) {
		v, cv, sv := floatsOf(h), floatsOf(cos), floatsOf(sin)
		copy(out, v)
		var row []int64
		if positions != nil {
			row = intsOf(positions)
		}
		for i := range batch * heads * steps {
			at := i/steps/heads*steps + i%steps
			if row != nil {
				at = wrapped(row[at], cos.Shape[0])
			}
			for k := range half {
				a, b := i*size+k, i*size+k+half
				if interleaved {
					a, b = i*size+2*k, i*size+2*k+1
				}
				co, si := cv[at*half+k], sv[at*half+k]
				out[a], out[b] = v[a]*co-v[b]*si, v[a]*si+v[b]*co
			}
		}
	})
	if flat {
		y = c.reshaped(c.permuted(y, []int{0, 2, 1, 3}), x.Shape)
	}
	return one(y)
}

// checkAngles fails unless there are cosines and sines for each step of each batch
// or, with positions, a table of them.
func checkAngles(h *tensor.Tensor, half int, cos, sin, positions *tensor.Tensor) {
	batch, steps := h.Shape[0], h.Shape[2]
	rank := 3
	if positions != nil {
		rank = 2
		require(isInt(positions.DType) && tensor.Len(positions.Shape) == batch*steps, "positions %v: %d×%d are needed", positions, batch, steps)
	}
	for _, t := range []*tensor.Tensor{cos, sin} {
		require(len(t.Shape) == rank && t.Shape[rank-1] == half && (rank == 2 || t.Shape[0] == batch && t.Shape[1] == steps),
			"angles %v do not suit %v", t, h)
	}
	require(cos.Shape[0] == sin.Shape[0], "%v cosines and %v sines", cos, sin)
}
