package engine

import (
	"math"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

func TestEinsumAgainstReference(t *testing.T) {
	tests := []struct {
		equation    string
		left, right []int // nil for the network's input of 1×6×5×4
		references  int
	}{
		{"abcd,de->abce", nil, []int{4, 7}, 0},
		{"abcd,cde->abe", nil, []int{5, 4, 3}, 0},
		{"abcd,dce->abe", nil, []int{4, 5, 3}, 0},
		{"abcd,bcde->ae", nil, []int{6, 5, 4, 2}, 0},
		{"abcd,def->abecf", nil, []int{4, 2, 3}, 0},
		{"ed,abcd->cabe", []int{7, 4}, nil, 0},
		{"abcd,abed->abce", nil, nil, 0},
		{"abcd,abed->abec", nil, nil, 0},
		{"aecd,abcd->acbe", nil, nil, 0},
		{"abcd, aecd -> bec", nil, nil, 0},
		{"abcd,abcd->abc", nil, nil, 0},
		{"abcd,abcd->", nil, nil, 0},
		{"abcd,bd->abc", nil, []int{6, 4}, 1}, // a constant with an axis of a batch
		{"abcd,abcd->abcd", nil, nil, 1},      // no product
		{"abcd,de", nil, []int{4, 7}, 1},      // no result named
		{"...d,de->...e", nil, []int{4, 7}, 1},
		{"abcd,ef->abcf", nil, []int{4, 7}, 1}, // sums over one operand
	}
	for _, test := range tests {
		t.Run(test.equation, func(t *testing.T) {
			b := newBuilder(3, 1, 6, 5, 4)
			x := b.add("Tanh", nil, "x")
			operand := func(shape []int) string {
				if shape == nil {
					return b.add("Sigmoid", nil, x)
				}
				return b.weights(shape...)
			}
			left, right := operand(test.left), operand(test.right)
			y := b.add("Einsum", map[string]graph.Attr{"equation": test.equation}, left, right)
			p := b.check(t, b.add("Tanh", nil, y))
			if refs := p.Stats().References; len(refs) != test.references {
				t.Errorf("by reference: %q", refs)
			}
		})
	}
}

func TestAttentionOperatorAgainstReference(t *testing.T) {
	inf := float32(math.Inf(-1))
	masks := map[string]struct {
		mask       *tensor.Tensor // 5 queries, 7 keys
		references int
	}{
		"no mask":        {nil, 0},
		"a row":          {tensor.New([]float32{0, -1, 2, inf, 0, 1, 0}, 7), 0},
		"bool":           {tensor.New([]bool{true, false, true, true, false, true, true}, 1, 7), 0},
		"a column":       {tensor.New([]float32{0, -1, 2, 1, 0}, 5, 1), 0},
		"nothing":        {tensor.New([]float32{inf, inf, inf, inf, inf, inf, inf}, 1, 7), 1},
		"short of keys":  {tensor.New([]float32{0, -1, 2}, 1, 3), 1},
		"for each image": {tensor.New(make([]float32, 2*7), 2, 1, 1, 7), 0},
	}
	for name, m := range masks {
		for _, flat := range []bool{true, false} {
			t.Run(map[bool]string{true: "3-D ", false: "4-D "}[flat]+name, func(t *testing.T) {
				b := newBuilder(3, 2, 12, 8)
				b.Opsets[""] = 23
				part := func(from, to int64) string {
					return b.add("MatMul", nil, b.add("Slice", nil, "x", b.ints(from), b.ints(to), b.ints(1)), b.weights(8, 12))
				}
				attrs := map[string]graph.Attr{"q_num_heads": int64(3), "kv_num_heads": int64(3)}
				in := []string{part(0, 5), part(5, 12), part(5, 12)}
				if !flat {
					attrs = map[string]graph.Attr{"scale": float32(0.3)}
					for i := range in {
						in[i] = b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1, 3)}, b.add("Reshape", nil, in[i], b.ints(2, -1, 3, 4)))
					}
				}
				if m.mask != nil {
					in = append(in, b.constant(m.mask))
				}
				p := b.check(t, b.add("Relu", nil, b.add("Attention", attrs, in...)))
				if refs := p.Stats().References; len(refs) != m.references {
					t.Errorf("by reference: %q", refs)
				}
			})
		}
	}
}

func TestAttentionOperatorLeavesTheRest(t *testing.T) {
	for name, attrs := range map[string]map[string]graph.Attr{
		"causal":          {"q_num_heads": int64(2), "kv_num_heads": int64(2), "is_causal": int64(1)},
		"shared key head": {"q_num_heads": int64(4), "kv_num_heads": int64(2)},
		"soft cap":        {"q_num_heads": int64(2), "kv_num_heads": int64(2), "softcap": float32(2)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(3, 1, 6, 8)
			b.Opsets[""] = 23
			q, k := b.add("MatMul", nil, "x", b.weights(8, 8)), b.add("MatMul", nil, "x", b.weights(8, 8))
			if name == "shared key head" {
				k = b.add("MatMul", nil, "x", b.weights(8, 4))
			}
			b.check(t, b.add("Relu", nil, b.add("Attention", attrs, q, k, k)))
		})
	}
}

// TestFusedOperators: what ONNX Runtime's optimiser makes of usual operators runs by the
// engine's own steps, like those.
func TestFusedOperators(t *testing.T) {
	heads := map[string]graph.Attr{"num_heads": int64(2)}
	gelu := func(op string) func(b *builder, x string) string {
		return func(b *builder, x string) string { return b.microsoft(op, nil, x, b.weights(8)) }
	}
	tests := map[string]func(b *builder, x string) string{
		"Attention": func(b *builder, x string) string {
			return b.microsoft("Attention", heads, x, b.weights(8, 24), b.weights(24))
		},
		"Attention of other sizes, with a bias of scores": func(b *builder, x string) string {
			attrs := map[string]graph.Attr{"num_heads": int64(2), "qkv_hidden_sizes": ints(8, 8, 4), "scale": float32(0.3)}
			return b.microsoft("Attention", attrs, x, b.weights(8, 20), "", "", "", b.weights(1, 2, 6, 6))
		},
		"MultiHeadAttention": func(b *builder, x string) string {
			return b.microsoft("MultiHeadAttention", heads, x, b.add("Tanh", nil, x), b.add("Sigmoid", nil, x), b.weights(24))
		},
		"SkipLayerNormalization": func(b *builder, x string) string {
			y := b.microsoft("SkipLayerNormalization", nil, x, b.add("Tanh", nil, x), b.positive(8), b.weights(8), b.weights(8))
			n := b.Nodes[len(b.Nodes)-1]
			n.Outputs = append(n.Outputs, "", "", "sum")
			return b.add("Add", nil, y, "sum")
		},
		"BiasGelu": gelu("BiasGelu"), "FastGelu": gelu("FastGelu"),
		"QuickGelu": func(b *builder, x string) string { return b.microsoft("QuickGelu", nil, x) },
		"FusedMatMul": func(b *builder, x string) string {
			attrs := map[string]graph.Attr{"transB": int64(1), "alpha": float32(0.5)}
			return b.microsoft("FusedMatMul", attrs, x, b.add("Tanh", nil, x))
		},
		"FusedGemm": func(b *builder, x string) string {
			attrs := map[string]graph.Attr{"activation": "LeakyRelu", "activation_alpha": float32(0.2)}
			return b.microsoft("FusedGemm", attrs, b.add("Flatten", nil, x), b.weights(48, 5), b.weights(5))
		},
		"FusedConv": func(b *builder, x string) string {
			x = b.add("Unsqueeze", nil, x, b.ints(1))
			y := b.add("Tanh", nil, b.conv(x, 1, 4, 3, 1, nil))
			attrs := map[string]graph.Attr{"activation": "Clip", "activation_params": []float32{0, 0.5}, "pads": ints(1, 1, 1, 1)}
			return b.microsoft("FusedConv", attrs, x, b.weights(4, 1, 3, 3), b.weights(4), y)
		},
	}
	for name, build := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(3, 1, 6, 8)
			p := b.check(t, b.add("Relu", nil, build(b, b.add("Tanh", nil, "x"))))
			if refs := p.Stats().References; len(refs) > 0 {
				t.Errorf("by reference: %q", refs)
			}
		})
	}
}

// TestFusedOperatorsLeaveTheRest: forms that have no other way of writing.
func TestFusedOperatorsLeaveTheRest(t *testing.T) {
	for name, build := range map[string]func(b *builder) string{
		"a mean that is read": func(b *builder) string {
			b.microsoft("SkipLayerNormalization", nil, "x", "x", b.positive(8))
			b.Nodes[0].Outputs = append(b.Nodes[0].Outputs, "mean")
			return "mean"
		},
		"causal": func(b *builder) string {
			return b.microsoft("Attention", map[string]graph.Attr{"num_heads": int64(2), "unidirectional": int64(1)}, "x", b.weights(8, 24))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(3, 1, 6, 8)
			if refs := b.check(t, b.add("Relu", nil, build(b))).Stats().References; len(refs) != 1 {
				t.Errorf("by reference: %q", refs)
			}
		})
	}
}
