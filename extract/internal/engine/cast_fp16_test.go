package engine

import (
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
)

// halves returns the name of an initializer of float16.
func (b *builder) halves(v []float32, shape ...int) string {
	h := make([]tensor.Half, len(v))
	for i, x := range v {
		h[i] = tensor.ToHalf(x)
	}
	return b.constant(tensor.New(h, shape...))
}

// A network that computes in float16 runs in float32, also where its input is
// float16; one that only stores weights so is left alone.
func TestCastFP16(t *testing.T) {
	b := newBuilder(4, 1, 2, 5, 5)
	x := b.add("Cast", map[string]graph.Attr{"to": int64(tensor.Float16)}, "x")
	one := map[string]graph.Attr{"value": tensor.New([]tensor.Half{tensor.ToHalf(0.5)})}
	x = b.add("Add", nil, b.add("Mul", nil, x, b.halves([]float32{2, 3}, 1, 2, 1, 1)), b.add("Constant", one))
	y := b.add("Cast", map[string]graph.Attr{"to": int64(tensor.Float32)}, x)
	wide := *b
	wide.Graph = passes.CastFP16(b.Graph)
	wide.check(t, y) // the networks in package zoo are compared with float16 itself
	p, err := compileVerified(b.Graph, Options{Input: []int{1, 2, 5, 5}, Tap: y})
	if err != nil {
		t.Fatal(err)
	}
	if refs := p.Stats().References; len(refs) > 0 {
		t.Errorf("by reference: %q", refs)
	}
	b.Inputs[0].DType = tensor.Float16
	if _, err := compileVerified(b.Graph, Options{Input: []int{1, 2, 5, 5}, Tap: x}); err != nil {
		t.Error(err)
	}

	stored := newBuilder(4, 1, 2, 5, 5)
	w := stored.add("Cast", map[string]graph.Attr{"to": int64(tensor.Float32)}, stored.halves([]float32{2, 3}, 1, 2, 1, 1))
	stored.add("Mul", nil, "x", w)
	if passes.CastFP16(stored.Graph) != stored.Graph {
		t.Error("weights that are cast to float32 are cast")
	}
}
