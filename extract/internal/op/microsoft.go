package op

import (
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// fusedConv is a convolution, plus a summand, under an activation.
func fusedConv(c *call) []*tensor.Tensor {
	sub := *c
	sub.in = slices.Clone(c.in[:min(len(c.in), 3)])
	y := conv(&sub)[0]
	if c.has(3) {
		require(c.in[3].DType == y.DType && slices.Equal(c.in[3].Shape, y.Shape), "summand %v for %v", c.in[3], y)
		y = c.combine(y, c.in[3], add[float64], nil, nil)
	}
	return one(c.activated(y, attr[[]float32](c, "activation_params", nil)))
}

// fusedGemm is a matrix product under an activation.
func fusedGemm(c *call) []*tensor.Tensor {
	var params []float32
	for _, name := range []string{"activation_alpha", "activation_beta", "activation_gamma"} {
		if c.hasAttr(name) {
			params = append(params, attr(c, name, float32(0)))
		}
	}
	return one(c.activated(gemm(c)[0], params))
}

// activated applies the activation that the attribute names.
func (c *call) activated(x *tensor.Tensor, params []float32) *tensor.Tensor {
	param := func(i int, def float32) float64 {
		if i < len(params) {
			return float64(params[i])
		}
		return float64(def)
	}
	switch name := attr(c, "activation", ""); name {
	case "":
		return x
	case "Relu":
		return c.each(x, relu)
	case "Sigmoid":
		return c.each(x, sigmoid)
	case "Tanh":
		return c.each(x, math.Tanh)
	case "LeakyRelu":
		return c.each(x, func(v float64) float64 { return leakyRelu(v, param(0, 0.01)) })
	case "HardSigmoid":
		return c.each(x, func(v float64) float64 { return min(max(param(0, 0.2)*v+param(1, 0.5), 0), 1) })
	case "Clip":
		return c.each(x, func(v float64) float64 { return min(max(v, param(0, -math.MaxFloat32)), param(1, math.MaxFloat32)) })
	default:
		unsupported("activation=%q", name)
	}
	return nil
}

// fusedMatMul is α·A·B with the last two axes of A or B exchanged if asked for.
func fusedMatMul(c *call) []*tensor.Tensor {
	if c.flag("transBatchA", false) || c.flag("transBatchB", false) {
		unsupported("transposed batches")
	}
	a, b := c.float(0), c.float(1)
	require(a.DType == b.DType, "inputs of types %v and %v", a.DType, b.DType)
	if c.flag("transA", false) {
		a = c.matrixTransposed(a)
	}
	if c.flag("transB", false) {
		b = c.matrixTransposed(b)
	}
	alpha := c.real("alpha", 1)
	return one(c.each(c.product(a, b), func(v float64) float64 { return alpha * v }))
}

func (c *call) matrixTransposed(x *tensor.Tensor) *tensor.Tensor {
	n := len(x.Shape)
	if n < 2 {
		return x
	}
	perm := sequence(n)
	perm[n-1], perm[n-2] = n-2, n-1
	return c.permuted(x, perm)
}

// biased adds the optional second input, one value for each feature, and applies f.
func biased(f func(float64) float64) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.float(0)
		if bias := c.opt(1); bias != nil {
			require(bias.DType == x.DType, "inputs of types %v and %v", x.DType, bias.DType)
			stretchedStrides(bias.Shape, x.Shape)
			x = c.combine(x, bias, add[float64], nil, nil)
		}
		return one(c.each(x, f))
	}
}

// skipNormalization adds a shortcut and a bias, then normalises the features. The
// inputs are x, skip and gamma, then beta where it is used, then the bias. The
// fourth output is the sum.
func skipNormalization(f func(v []float64, eps float64) (mean, inv float64), hasBeta bool) impl {
	return func(c *call) []*tensor.Tensor {
		x, skip, gamma := c.float(0), c.float(1), c.float(2)
		var beta *tensor.Tensor
		last := 3
		if hasBeta {
			beta, last = c.opt(3), 4
		}
		sum := x
		for _, t := range []*tensor.Tensor{skip, c.opt(last)} {
			if t != nil {
				require(t.DType == x.DType, "inputs of types %v and %v", x.DType, t.DType)
				stretchedStrides(t.Shape, x.Shape)
				sum = c.combine(sum, t, add[float64], nil, nil)
			}
		}
		out := c.normalizeLayer(sum, -1, c.real("epsilon", 1e-5), gamma, beta, f)
		return append(out, sum)
	}
}

// microsoftAttention projects its input to queries, keys and values first.
func microsoftAttention(c *call) []*tensor.Tensor {
	x, w, bias := c.ranked(0, 3, 3), c.ranked(1, 2, 2), c.opt(2)
	require(isFloat(x.DType) && x.DType == w.DType, "inputs %v and %v", x, w)
	if c.has(4) || c.flag("do_rotary", false) {
		unsupported("attention with a past or rotation")
	}
	qkv := c.product(x, w)
	if bias != nil {
		require(bias.DType == x.DType && slices.Equal(bias.Shape, w.Shape[1:]), "bias %v for weights %v", bias, w)
		qkv = c.combine(qkv, bias, add[float64], nil, nil)
	}
	sizes := c.list("qkv_hidden_sizes")
	if sizes == nil {
		require(w.Shape[1]%3 == 0, "weights %v are not for queries, keys and values", w)
		sizes = slices.Repeat([]int{w.Shape[1] / 3}, 3)
	}
	require(len(sizes) == 3 && min(sizes[0], sizes[1], sizes[2]) >= 0 && sizes[0]+sizes[1]+sizes[2] == w.Shape[1],
		"qkv_hidden_sizes %v do not suit weights %v", sizes, w)
	q, k := c.sliced(qkv, 2, 0, sizes[0]), c.sliced(qkv, 2, sizes[0], sizes[1])
	v := c.sliced(qkv, 2, sizes[0]+sizes[1], sizes[2])
	return c.attendHeads(q, k, v, 3)
}

// multiHeadAttention adds a bias to queries, keys and values first.
func multiHeadAttention(c *call) []*tensor.Tensor {
	if c.has(6) || c.has(7) {
		unsupported("attention with a past")
	}
	var qkv [3]*tensor.Tensor
	from := 0
	for i := range qkv {
		qkv[i] = c.float(i)
		require(len(qkv[i].Shape) == 3, "input %d is %v: batch, sequence and features are needed", i, qkv[i])
		if bias := c.opt(3); bias != nil {
			n := qkv[i].Shape[2]
			require(bias.DType == qkv[i].DType && len(bias.Shape) == 1 && from+n <= bias.Shape[0], "bias %v", bias)
			qkv[i] = c.combine(qkv[i], c.sliced(bias, 0, from, n), add[float64], nil, nil)
			from += n
		}
	}
	return c.attendHeads(qkv[0], qkv[1], qkv[2], 4)
}

// attendHeads hands queries, keys and values on to the standard operator, with what is
// added to the scores: the sixth input, and what the one that masks keys comes to.
func (c *call) attendHeads(q, k, v *tensor.Tensor, masking int) []*tensor.Tensor {
	bias := c.opt(5)
	if c.has(masking) {
		mask := c.maskedKeys(masking, q, k)
		if bias != nil {
			require(bias.DType == mask.DType, "bias %v for scores of %v", bias, mask.DType)
			mask = c.combine(mask, bias, add[float64], nil, nil)
		}
		bias = mask
	}
	heads := attr(c, "num_heads", int64(0))
	a := attrs{"q_num_heads": heads, "kv_num_heads": heads, "is_causal": attr(c, "unidirectional", int64(0))}
	if s := attr(c, "scale", float32(0)); s != 0 {
		a["scale"] = s
	}
	return attend(c.derived(a, q, k, v, bias))[:1]
}

// maskedKeys is what the i-th input, which says which of K keys take part, adds to the
// scores of B×Q queries. It holds, for each image, the number of keys that do, or where
// they end and, after all ends, where they begin; or a truth for each of B×K or B×Q×K.
func (c *call) maskedKeys(i int, q, k *tensor.Tensor) *tensor.Tensor {
	m := c.input(i)
	require(isInt(m.DType), "mask %v", m)
	batch, queries, keys := q.Shape[0], q.Shape[1], k.Shape[1]
	rows := 1
	var takesPart func(m []int64, image, row, key int) bool
	switch {
	case slices.Equal(m.Shape, []int{batch}):
		takesPart = func(m []int64, image, _, key int) bool { return int64(key) < m[image] }
	case slices.Equal(m.Shape, []int{2 * batch}):
		takesPart = func(m []int64, image, _, key int) bool {
			return m[batch+image] <= int64(key) && int64(key) < m[image]
		}
	case slices.Equal(m.Shape, []int{batch, keys}):
		takesPart = func(m []int64, image, _, key int) bool { return m[image*keys+key] > 0 }
	case slices.Equal(m.Shape, []int{batch, queries, keys}):
		rows = queries
		takesPart = func(m []int64, image, row, key int) bool { return m[(image*queries+row)*keys+key] > 0 }
	default:
		unsupported("attention with a mask of shape %v", m.Shape)
	}
	filter := c.real("mask_filter_value", -10000)
	return c.floats(q.DType, []int{batch, 1, rows, keys}, func(out []float64) {
		values := intsOf(m)
		for at := range out {
			if !takesPart(values, at/keys/rows, at/keys%rows, at%keys) {
				out[at] = filter
			}
		}
	})
}

// nhwc makes an operator that finds the channels in the last axis: always, or if
// channels_last is set. The inputs at the given places are images.
func nhwc(f impl, always bool) impl {
	return func(c *call) []*tensor.Tensor {
		if !always && !c.flag("channels_last", false) {
			return f(c)
		}
		x := c.input(0)
		rank := len(x.Shape)
		require(rank >= 3, "input of shape %v: an image is needed", x.Shape)
		back := append([]int{0}, sequence(rank)[2:]...) // N, spatial, C
		back = append(back, 1)
		front := slices.Concat([]int{0, rank - 1}, sequence(rank)[1:rank-1])
		sub := *c
		sub.Node = &graph.Node{Op: c.Op, Inputs: c.Inputs, Outputs: c.Outputs[:min(len(c.Outputs), 1)], Attrs: c.Attrs}
		sub.in = slices.Clone(c.in)
		sub.in[0] = c.permuted(x, front)
		return one(c.permuted(f(&sub)[0], back))
	}
}
