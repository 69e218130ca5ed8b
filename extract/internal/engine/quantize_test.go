package engine

import (
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// The scales here are powers of two: then all sums are exact, whatever their order,
// and results must agree to the last step.

func (b *builder) scale(exponent int) string {
	x := float32(1)
	for ; exponent < 0; exponent++ {
		x /= 2
	}
	return b.constant(tensor.New([]float32{x}))
}

func (b *builder) zero(z uint8) string { return b.constant(tensor.New([]uint8{z})) }

// signed returns the name of random weights of 8 bits.
func (b *builder) signed(shape ...int) string {
	w := make([]int8, tensor.Len(shape))
	for i := range w {
		w[i] = int8(b.rng.IntN(256) - 128)
	}
	return b.constant(tensor.New(w, shape...))
}

func (b *builder) microsoft(op string, attrs map[string]graph.Attr, inputs ...string) string {
	y := b.add(op, attrs, inputs...)
	b.Nodes[len(b.Nodes)-1].Domain = "com.microsoft"
	b.Opsets["com.microsoft"] = 1
	return y
}

func TestQuantizedOperatorsAgainstReference(t *testing.T) {
	tests := map[string]func(b *builder, q, scale, zero string) string{
		"nothing": func(b *builder, q, scale, zero string) string { return b.add("DequantizeLinear", nil, q, scale, zero) },
		"another scale": func(b *builder, q, _, _ string) string {
			return b.add("DequantizeLinear", nil, q, b.scale(-2), b.zero(3))
		},
		"moved": func(b *builder, q, scale, zero string) string {
			q = b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "pads": ints(1, 1, 1, 1)}, q)
			q = b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, q, q)
			q = b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 3, 1)}, q)
			q = b.add("Reshape", nil, q, b.ints(1, 6, 9*6))
			return b.add("DequantizeLinear", nil, q, scale, zero)
		},
		"two readers": func(b *builder, q, scale, zero string) string {
			x := b.add("DequantizeLinear", nil, q, scale, zero)
			y := b.add("Relu", nil, b.conv(b.add("DequantizeLinear", nil, q, scale, zero), 3, 3, 1, 1, nil))
			return b.add("Add", nil, x, y)
		},
		"convolution": func(b *builder, q, scale, zero string) string {
			s := b.constant(tensor.New([]float32{1. / 64, 1. / 128, 1. / 64, 1. / 32}, 4))
			z := b.constant(tensor.New([]int8{0, 1, -2, 3}, 4))
			bias := b.constant(tensor.New([]int32{100, -200, 3000, 0}, 4))
			q = b.add("QLinearConv", map[string]graph.Attr{"pads": ints(1, 1, 1, 1)}, q, scale, zero, b.signed(4, 3, 3, 3), s, z, b.scale(-3), b.zero(90), bias)
			return b.add("DequantizeLinear", nil, q, b.scale(-3), b.zero(90))
		},
		"product": func(b *builder, q, scale, zero string) string {
			s, z := b.constant(tensor.New([]float32{1. / 64, 1. / 128}, 2)), b.constant(tensor.New([]int8{5, -1}, 2))
			q = b.add("QLinearMatMul", nil, q, scale, zero, b.signed(6, 2), s, z, b.scale(-2), b.zero(128))
			return b.add("DequantizeLinear", nil, q, b.scale(-2), b.zero(128))
		},
		"gemm": func(b *builder, q, scale, zero string) string {
			q = b.add("Flatten", nil, q)
			w, bias := b.signed(5, 3*9*6), b.constant(tensor.New([]int32{100, -200, 3000, 0, 7}, 5))
			q = b.microsoft("QGemm", map[string]graph.Attr{"transB": int64(1)}, q, scale, zero, w, b.scale(-7), b.constant(tensor.New([]int8{0})), bias,
				b.scale(-1), b.zero(128))
			return b.add("DequantizeLinear", nil, q, b.scale(-1), b.zero(128))
		},
		"sum": func(b *builder, q, scale, zero string) string {
			q = b.microsoft("QLinearAdd", nil, q, scale, zero, b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(1, 1)}, q), scale, zero,
				b.scale(-2), b.zero(7))
			return b.microsoft("DequantizeLinear", nil, q, b.scale(-2), b.zero(7))
		},
		"pooled and joined": func(b *builder, q, scale, zero string) string {
			p := b.microsoft("QLinearLeakyRelu", map[string]graph.Attr{"alpha": float32(0.25)}, q, scale, zero, b.scale(-3), b.zero(64))
			q = b.microsoft("QLinearConcat", map[string]graph.Attr{"axis": int64(1)}, b.scale(-2), b.zero(50), q, scale, zero, p, b.scale(-3), b.zero(64))
			q = b.microsoft("QLinearAveragePool", map[string]graph.Attr{"kernel_shape": ints(2, 2)}, q, b.scale(-2), b.zero(50), b.scale(-4), b.zero(80))
			return b.add("DequantizeLinear", nil, q, b.scale(-4), b.zero(80))
		},
	}
	for name, build := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(5, 1, 3, 9, 6)
			scale, zero := b.scale(-5), b.zero(120)
			p := b.check(t, build(b, b.add("QuantizeLinear", nil, "x", scale, zero), scale, zero))
			if refs := p.Stats().References; len(refs) > 0 {
				t.Errorf("by reference: %q", refs)
			}
		})
	}
}

// TestNumbersThroughReference: an operator that has no fast form gets the numbers in
// the type that the model gives them.
func TestNumbersThroughReference(t *testing.T) {
	for _, zero := range []*tensor.Tensor{tensor.New([]uint8{120}), tensor.New([]int8{-3})} {
		b := newBuilder(5, 1, 3, 9, 6)
		scale, z := b.scale(-5), b.constant(zero)
		q := b.add("QuantizeLinear", nil, "x", scale, z)
		q = b.add("Clip", nil, q, b.constant(scalarLike(zero)))
		p := b.check(t, b.add("Relu", nil, b.add("DequantizeLinear", nil, q, scale, z)))
		if refs := p.Stats().References; len(refs) != 1 {
			t.Errorf("by reference: %q", refs)
		}
	}
}

// scalarLike is the zero point as a scalar: a bound for Clip.
func scalarLike(zero *tensor.Tensor) *tensor.Tensor {
	return &tensor.Tensor{DType: zero.DType, Shape: []int{}, Data: zero.Data}
}

// TestPerChannelNumbers: parameters along an axis of computed numbers run as a
// reference.
func TestPerChannelNumbers(t *testing.T) {
	b := newBuilder(5, 1, 3, 9, 6)
	scale := b.constant(tensor.New([]float32{0.5, 0.25, 0.125}, 3))
	zero := b.constant(tensor.New([]uint8{120, 3, 100}, 3))
	axis := map[string]graph.Attr{"axis": int64(1)}
	q := b.add("QuantizeLinear", axis, "x", scale, zero)
	b.check(t, b.add("Relu", nil, b.add("DequantizeLinear", axis, q, scale, zero)))
}
