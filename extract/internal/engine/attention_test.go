package engine

import (
	"slices"
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A vit builds vision transformers as exporters write them.
type vit struct {
	*builder
	tokens, dim, heads int
	split              bool // q, k and v by Split along the last axis, else by Gather
}

func (b *vit) linear(x string, in, out int) string {
	return b.add("Add", nil, b.weights(out), b.add("MatMul", nil, x, b.constant(b.matrix(in, out))))
}

func (b *vit) matrix(in, out int) *tensor.Tensor {
	t := b.Initializers[b.weights(out, in)]
	return tensor.New(tensor.Values[float32](t), in, out)
}

func (b *vit) layerNorm(x string) string {
	return b.add("LayerNormalization", map[string]graph.Attr{"axis": int64(-1)}, x, b.positive(b.dim), b.weights(b.dim))
}

func (b *vit) transpose(x string, perm ...int64) string {
	return b.add("Transpose", map[string]graph.Attr{"perm": perm}, x)
}

// qkv returns queries and values 1×heads×tokens×d, and keys 1×heads×d×tokens.
func (b *vit) qkv(x string) (q, k, v string) {
	d := int64(b.dim / b.heads)
	t, h := int64(b.tokens), int64(b.heads)
	all := b.linear(x, b.dim, 3*b.dim)
	if b.split {
		names := []string{b.name("q"), b.name("k"), b.name("v")}
		b.Nodes = append(b.Nodes, &graph.Node{Op: "Split", Inputs: []string{all, b.ints(int64(b.dim), int64(b.dim), int64(b.dim))}, Outputs: slices.Clone(names),
			Attrs: map[string]graph.Attr{"axis": int64(2)}})
		for i, n := range names {
			names[i] = b.transpose(b.add("Reshape", nil, n, b.ints(1, t, h, d)), 0, 2, 1, 3)
		}
		return names[0], b.transpose(names[1], 0, 1, 3, 2), names[2]
	}
	all = b.transpose(b.add("Reshape", nil, all, b.ints(1, t, 3, h, d)), 2, 0, 3, 1, 4)
	pick := func(i int64) string {
		return b.add("Gather", map[string]graph.Attr{"axis": int64(0)}, all, b.constant(tensor.New([]int64{i})))
	}
	return pick(0), b.transpose(pick(1), 0, 1, 3, 2), pick(2)
}

func (b *vit) block(x string) string {
	q, k, v := b.qkv(b.layerNorm(x))
	scores := b.add("Mul", nil, b.add("MatMul", nil, q, k), b.constant(tensor.New([]float32{0.3})))
	mixed := b.add("MatMul", nil, b.add("Softmax", map[string]graph.Attr{"axis": int64(-1)}, scores), v)
	mixed = b.add("Reshape", nil, b.transpose(mixed, 0, 2, 1, 3), b.ints(1, int64(b.tokens), int64(b.dim)))
	x = b.add("Add", nil, x, b.linear(mixed, b.dim, b.dim))
	h := b.linear(b.layerNorm(x), b.dim, 4*b.dim)
	e := b.add("Add", nil, b.add("Erf", nil, b.add("Div", nil, h, b.constant(tensor.New([]float32{1.4142135})))), b.constant(tensor.New([]float32{1})))
	h = b.add("Mul", nil, b.add("Mul", nil, h, e), b.constant(tensor.New([]float32{0.5})))
	return b.add("Add", nil, x, b.linear(h, 4*b.dim, b.dim))
}

func TestVisionTransformer(t *testing.T) {
	for _, split := range []bool{false, true} {
		b := &vit{builder: newBuilder(21, 1, 3, 24, 16), tokens: 25, dim: 24, heads: 3, split: split}
		x := b.add("Conv", map[string]graph.Attr{"strides": ints(4, 4)}, "x", b.weights(24, 3, 4, 4), b.weights(24))
		x = b.transpose(b.add("Reshape", nil, x, b.ints(1, 24, -1)), 0, 2, 1)
		x = b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, b.weights(1, 1, 24), x)
		x = b.add("Add", nil, x, b.weights(1, 25, 24))
		for range 2 {
			x = b.block(x)
		}
		token := b.add("Gather", map[string]graph.Attr{"axis": int64(1)}, b.layerNorm(x), b.constant(tensor.New([]int64{0})))
		p := b.check(t, token)
		if refs := p.Stats().References; len(refs) > 0 {
			t.Errorf("runs slowly: %q", refs)
		}
		for i, s := range p.plan.Steps {
			if i >= len(p.plan.Steps)-2 {
				break // the token that is the result has to be copied
			}
			switch s.(type) {
			case *exec.Permute, *exec.Activate, *exec.Slice:
				t.Errorf("%s needs %T", p.lines[i].Node, s)
			}
		}
	}
}

func TestSlicesAreViews(t *testing.T) {
	b := newBuilder(22, 1, 3, 9, 8)
	x := b.conv("x", 3, 24, 3, 1, nil)
	halves := []string{b.name("h"), b.name("h")}
	b.Nodes = append(b.Nodes, &graph.Node{Op: "Split", Inputs: []string{x, b.ints(10, 14)}, Outputs: halves, Attrs: map[string]graph.Attr{"axis": int64(1)}})
	y := b.conv(halves[1], 14, 6, 1, 1, nil)
	z := b.conv(b.add("Slice", nil, x, b.ints(2), b.ints(7), b.ints(2)), 24, 6, 3, 1, nil)
	w := b.add("Slice", nil, z, b.ints(2, -3), b.ints(6, 100), b.ints(2, 3), b.ints(2, 1))
	out := b.add("Add", nil, b.add("GlobalAveragePool", nil, w), b.add("GlobalAveragePool", nil, b.add("Add", nil, y, b.conv(halves[0], 10, 6, 3, 1, nil))))
	if refs := b.check(t, out).Stats().References; len(refs) > 0 {
		t.Errorf("by reference: %q", refs)
	}
}

// TestResultsThatNobodyReads: a node runs by steps of the engine if only its first
// result is read, and others are never taken for the first.
func TestResultsThatNobodyReads(t *testing.T) {
	for name, references := range map[string]int{"value": 0, "mean": 1} {
		b := newBuilder(23, 1, 3, 9, 8)
		n := &graph.Node{Op: "LayerNormalization", Inputs: []string{"x", b.positive(8), b.weights(8)}, Outputs: []string{"value", "mean"}}
		if name == "mean" {
			n.Outputs[0] = ""
		}
		b.Nodes = append(b.Nodes, n)
		if refs := b.check(t, b.add("Relu", nil, name)).Stats().References; len(refs) != references {
			t.Errorf("%s by reference: %q", name, refs)
		}
	}
}

func TestWrittenOutOperatorsAreRecognised(t *testing.T) {
	scalar := func(b *builder, v float32) string { return b.constant(tensor.New([]float32{v})) }
	cases := map[string]func(b *builder, x string) string{
		"hardswish": func(b *builder, x string) string {
			c := b.add("Clip", nil, b.add("Add", nil, x, scalar(b, 3)), scalar(b, 0), scalar(b, 6))
			return b.add("Div", nil, b.add("Mul", nil, x, c), scalar(b, 6))
		},
		"hardsigmoid gate": func(b *builder, x string) string {
			c := b.add("Clip", nil, b.add("Add", nil, x, scalar(b, 3)), scalar(b, 0), scalar(b, 6))
			return b.add("Mul", nil, x, b.add("Div", nil, c, scalar(b, 6)))
		},
		"gelu": func(b *builder, x string) string {
			e := b.add("Erf", nil, b.add("Div", nil, x, scalar(b, 1.4142135)))
			return b.add("Mul", nil, b.add("Mul", nil, x, scalar(b, 0.5)), b.add("Add", nil, e, scalar(b, 1)))
		},
		"layer norm": func(b *builder, x string) string {
			last := map[string]graph.Attr{"axes": ints(-1)}
			x = b.add("MatMul", nil, x, b.weights(7, 7))
			d := b.add("Sub", nil, x, b.add("ReduceMean", last, x))
			v := b.add("ReduceMean", last, b.add("Pow", nil, d, scalar(b, 2)))
			y := b.add("Div", nil, d, b.add("Sqrt", nil, b.add("Add", nil, v, scalar(b, 1e-5))))
			return b.add("Add", nil, b.add("Mul", nil, y, b.positive(7)), b.weights(7))
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(30, 1, 6, 5, 7)
			p := b.check(t, build(b, b.conv("x", 6, 6, 1, 1, nil)))
			want := 1
			if name == "layer norm" {
				want = 4 // convolution, reordering, product, normalisation
			}
			if n := steps(p); n != want || len(p.Stats().References) > 0 {
				for i, s := range p.plan.Steps {
					t.Logf("%s %T", p.lines[i].Node, s)
				}
				t.Errorf("%d steps, want %d; by reference: %q", n, want, p.Stats().References)
			}
		})
	}
}
