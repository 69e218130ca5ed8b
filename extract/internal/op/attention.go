package op

import (
	"math"

	"featstore/extract/internal/tensor"
)

// An attention is the geometry of scaled dot-product attention: B images, H query
// heads of size D, which share the key and value heads in groups.
type attention struct {
	batch, heads, kvHeads int
	queries, keys         int
	size, valueSize       int
	scale, softcap        float64
	causal                bool
	left, right           int // reach of the window, -1 for everything
	past                  int
	mask, valid           *tensor.Tensor
	maskIndex             func() []int // for each score, into mask; -1 beyond it
	captured              []float64    // scores at the stage asked for
}

// attend is the operator Attention of opsets 23 to 25: softmax(Q·Kᵀ·scale + mask)·V
// for each head.
func attend(c *call) []*tensor.Tensor {
	q, k, v := c.float(0), c.float(1), c.float(2)
	flat := len(q.Shape) == 3
	q, k, v = c.headed(q, "q_num_heads"), c.headed(k, "kv_num_heads"), c.headed(v, "kv_num_heads")
	a := &attention{left: c.int("left_window_size", -1), right: c.int("right_window_size", -1), causal: c.flag("is_causal", false), valid: c.opt(6)}
	require(c.has(4) == c.has(5), "past key and past value go together")
	if c.has(4) {
		a.past = c.ranked(4, 4, 4).Shape[2]
		k, v = c.appended(c.input(4), k), c.appended(c.ranked(5, 4, 4), v)
	}
	a.measure(c, q, k, v)
	a.scale = c.real("scale", float32(1/math.Sqrt(float64(a.size))))
	a.softcap = c.real("softcap", 0)
	a.setMask(c, c.opt(3))
	scores := []int{a.batch, a.heads, a.queries, a.keys}
	c.check(scores)
	c.work(append(scores, a.size+a.valueSize)...)

	mode := c.int("qk_matmul_output_mode", 0)
	y := c.floats(q.DType, []int{a.batch, a.heads, a.queries, a.valueSize}, func(out []float64) {
		a.run(out, floatsOf(q), floatsOf(k), floatsOf(v), mode)
	})
	if flat {
		y = c.reshaped(c.permuted(y, []int{0, 2, 1, 3}), []int{a.batch, a.queries, a.heads * a.valueSize})
	}
	results := []*tensor.Tensor{y, k, v, nil}
	if c.wants(3) {
		results[3] = c.floats(q.DType, scores, func(out []float64) { copy(out, a.captured) })
	}
	return results
}

// headed brings B×S×(heads·D) into the form B×heads×S×D.
func (c *call) headed(t *tensor.Tensor, attribute string) *tensor.Tensor {
	if len(t.Shape) == 4 {
		return t
	}
	require(len(t.Shape) == 3, "%v: 3 or 4 dimensions are needed", t)
	n := c.int(attribute, 0)
	require(n >= 1 && t.Shape[2]%n == 0, "%s=%d does not suit %v", attribute, n, t)
	return c.permuted(c.reshaped(t, []int{t.Shape[0], t.Shape[1], n, t.Shape[2] / n}), []int{0, 2, 1, 3})
}

// appended joins along the sequence axis.
func (c *call) appended(past, now *tensor.Tensor) *tensor.Tensor {
	sub := c.derived(attrs{"axis": int64(2)}, past, now)
	return concat(sub)[0]
}

func (a *attention) measure(c *call, q, k, v *tensor.Tensor) {
	a.batch, a.heads, a.queries, a.size = q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3]
	a.kvHeads, a.keys, a.valueSize = k.Shape[1], k.Shape[2], v.Shape[3]
	require(k.Shape[0] == a.batch && k.Shape[3] == a.size, "query %v and key %v do not suit", q, k)
	require(v.Shape[0] == a.batch && v.Shape[1] == a.kvHeads && v.Shape[2] == a.keys, "key %v and value %v do not suit", k, v)
	require(a.kvHeads > 0 && a.heads%a.kvHeads == 0, "%d query heads do not share %d key heads", a.heads, a.kvHeads)
	if a.valid != nil {
		require(tensor.Len(a.valid.Shape) == a.batch && isInt(a.valid.DType), "valid lengths %v: %d integers are needed", a.valid, a.batch)
	}
}

// setMask checks the mask, which broadcasts to B×H×queries×keys and may be short of
// keys at the end, which are then masked.
func (a *attention) setMask(c *call, mask *tensor.Tensor) {
	if mask == nil {
		return
	}
	a.mask = mask
	require(mask.DType == tensor.Bool || isFloat(mask.DType), "mask %v", mask)
	require(len(mask.Shape) >= 1, "the mask is a scalar")
	last := mask.Shape[len(mask.Shape)-1]
	require(last == 1 || last <= a.keys, "mask %v for %d keys", mask, a.keys)
	if last == 1 {
		last = a.keys
	}
	st := stretchedStrides(mask.Shape, []int{a.batch, a.heads, a.queries, last})
	a.maskIndex = func() []int {
		places := [][]int{sequence(a.batch), sequence(a.heads), sequence(a.queries), sequence(a.keys)}
		for k := last; k < a.keys; k++ {
			places[3][k] = -1
		}
		return crossed(places, st)
	}
}

// bias is what is added to the score of a query and a key: -Inf where they may not
// meet.
func (a *attention) bias() []float64 {
	out := make([]float64, a.batch*a.heads*a.queries*a.keys)
	if a.mask != nil {
		m := numbersOf(a.mask)
		for i, j := range a.maskIndex() {
			switch {
			case j < 0 || a.mask.DType == tensor.Bool && m[j] == 0:
				out[i] = math.Inf(-1)
			case a.mask.DType != tensor.Bool:
				out[i] = m[j]
			}
		}
	}
	var valid []int64
	if a.valid != nil {
		valid = intsOf(a.valid)
	}
	for i := range out {
		key, query := i%a.keys, i/a.keys%a.queries
		at, end := query+a.past, a.keys
		if valid != nil {
			end = int(valid[i/a.keys/a.queries/a.heads])
			if a.past == 0 {
				at = query + end - a.queries
			}
		}
		if key >= end || a.causal && key > at || a.left >= 0 && at-key > a.left || a.right >= 0 && key-at > a.right {
			out[i] = math.Inf(-1)
		}
	}
	return out
}

// run computes the results, and keeps the scores as they are at the stage that mode
// names: as multiplied, after the soft cap, with the bias, or as weights.
func (a *attention) run(out, q, k, v []float64, mode int) {
	bias := a.bias()
	a.captured = make([]float64, len(bias))
	share := a.heads / a.kvHeads
	for bh := range a.batch * a.heads {
		kv := bh/a.heads*a.kvHeads + bh%a.heads/share
		for i := range a.queries {
			row := (bh*a.queries + i) * a.keys
			s := make([]float64, a.keys)
			multiplyTransposed(s, q[(bh*a.queries+i)*a.size:], k[kv*a.keys*a.size:], 1, a.size, a.keys)
			a.weigh(s, bias[row:][:a.keys], a.captured[row:][:a.keys], mode)
			multiply(out[(bh*a.queries+i)*a.valueSize:][:a.valueSize], s, v[kv*a.keys*a.valueSize:], 1, a.keys, a.valueSize)
		}
	}
}

// weigh turns the products of one query with all keys into weights. A query that
// may meet no key has weights of 0.
func (a *attention) weigh(s, bias, captured []float64, mode int) {
	stage := func(n int) {
		if mode == n {
			copy(captured, s)
		}
	}
	open := false
	for j := range s {
		s[j] *= a.scale
	}
	stage(0)
	for j := range s {
		if a.softcap > 0 {
			s[j] = a.softcap * math.Tanh(s[j]/a.softcap)
		}
	}
	stage(1)
	for j := range s {
		s[j] += bias[j]
		open = open || !math.IsInf(bias[j], -1)
	}
	stage(2)
	if open {
		softmax(s)
	} else {
		clear(s)
	}
	stage(3)
}
