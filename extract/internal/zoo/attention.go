package zoo

import (
	"math"

	"featstore/extract/internal/onnx/onnxtest"
)

// An attention describes self-attention of n tokens of d values.
type attention struct {
	n, d, heads int
	batch       size   // of x
	bias        string // added to the scores, heads × n × n; "" for none
	mask        string // added to the scores, windows × 1 × n × n; "" for none
	windows     int    // of an image, where there is a mask
}

// attend adds multi-head attention with its layers before and behind, in the way of
// the exporter.
func (b *builder) attend(x string, a attention) string {
	var y string
	switch {
	case b.producer == "tf2onnx":
		return b.attendEinsum(x, a)
	case b.newOps && b.opset >= 23:
		y = b.attendOperator(x, a)
	default:
		y = b.attendPacked(x, a)
	}
	return b.linear(y, a.d, a.d, "", branch)
}

// attendPacked computes queries, keys and values at once and takes them apart by
// Reshape, Transpose and Gather, or Split where the exporter prefers that.
func (b *builder) attendPacked(x string, a attention) string {
	head := a.d / a.heads
	scale := 1 / math.Sqrt(float64(head))
	qkv := b.permute(b.reshape(b.linear(x, a.d, 3*a.d, "", 1), a.batch, a.n, 3, a.heads, head), 2, 0, 3, 1, 4)
	var q, k, v, scores string
	if b.constants {
		q, k, v = b.gather(qkv, b.index(0), 0), b.gather(qkv, b.index(1), 0), b.gather(qkv, b.index(2), 0)
		scores = b.op("MatMul", b.op("Mul", q, b.scalar(scale)), b.permute(k, 0, 1, 3, 2))
	} else {
		parts := b.splitInto(qkv, 0, 1, 1, 1)
		q, k, v = b.squeeze(parts[0], 0), b.squeeze(parts[1], 0), b.squeeze(parts[2], 0)
		root := b.scalar(math.Sqrt(scale))
		scores = b.op("MatMul", b.op("Mul", q, root), b.op("Mul", b.permute(k, 0, 1, 3, 2), root))
	}
	scores = b.maskScores(scores, a)
	p := b.with("Softmax", scores, onnxtest.Attrs{"axis": -1})
	return b.reshape(b.permute(b.op("MatMul", p, v), 0, 2, 1, 3), a.batch, a.n, a.d)
}

// maskScores adds what is added to the scores, the mask to the windows of each
// image alike.
func (b *builder) maskScores(scores string, a attention) string {
	if a.bias != "" {
		scores = b.op("Add", scores, a.bias)
	}
	if a.mask == "" {
		return scores
	}
	scores = b.op("Add", b.reshape(scores, -1, a.windows, a.heads, a.n, a.n), b.unsqueeze(a.mask, 0))
	return b.reshape(scores, -1, a.heads, a.n, a.n)
}

// attendOperator uses the operator Attention: on four dimensions for windows, with
// bias and mask as its mask, and else on three.
func (b *builder) attendOperator(x string, a attention) string {
	q, k, v := b.linear(x, a.d, a.d, "", 1), b.linear(x, a.d, a.d, "", 1), b.linear(x, a.d, a.d, "", 1)
	if a.bias == "" {
		return b.Op("Attention", []string{q, k, v}, onnxtest.Attrs{"q_num_heads": a.heads, "kv_num_heads": a.heads})
	}
	head := a.d / a.heads
	split := func(s string) string { return b.permute(b.reshape(s, a.batch, a.n, a.heads, head), 0, 2, 1, 3) }
	in := []string{split(q), split(k), split(v), a.bias}
	if a.mask != "" {
		in[3] = b.op("Add", a.mask, a.bias)
	}
	y := b.Op("Attention", in, onnxtest.Attrs{"scale": 1 / math.Sqrt(float64(head))})
	return b.reshape(b.permute(y, 0, 2, 1, 3), a.batch, a.n, a.d)
}

// attendEinsum is Keras' MultiHeadAttention.
func (b *builder) attendEinsum(x string, a attention) string {
	head := a.d / a.heads
	project := func() string {
		name := b.layer("attention")
		w := b.normal(name+".kernel", 0, 1/math.Sqrt(float64(a.d)), a.d, a.heads, head)
		bias := b.normal(name+".bias", 0, 0.1, a.heads, head)
		return b.op("Add", b.einsum("abc,cde->abde", x, w), bias)
	}
	q, k, v := project(), project(), project()
	q = b.op("Mul", q, b.scalar(1/math.Sqrt(float64(head))))
	p := b.with("Softmax", b.einsum("aecd,abcd->acbe", k, q), onnxtest.Attrs{"axis": 3})
	y := b.einsum("acbe,aecd->abcd", p, v)
	name := b.layer("attention")
	w := b.normal(name+".kernel", 0, branch/math.Sqrt(float64(a.d)), a.heads, head, a.d)
	return b.op("Add", b.einsum("abcd,cde->abe", y, w), b.normal(name+".bias", 0, 0.1, a.d))
}

func (b *builder) einsum(equation string, inputs ...string) string {
	return b.Op("Einsum", inputs, onnxtest.Attrs{"equation": equation})
}
