package engine

import (
	"errors"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// branch is a graph whose nodes a builder of its own adds, for an If.
func branch(b *builder, build func(b *builder) string) *graph.Graph {
	inner := *b
	inner.Graph = &graph.Graph{Initializers: map[string]*tensor.Tensor{}, Opsets: b.Opsets}
	inner.Outputs = []graph.Output{{Name: build(&inner)}}
	return inner.Graph
}

// If branches are chosen when the sizes are known; values within them may be named
// as those of other branches, be taken from outside, or be passed on as they are.
func TestIf(t *testing.T) {
	b := newBuilder(3, 1, 4, 1, 6)
	x := b.conv("x", 4, 5, 1, 1, nil)
	size := func(axis int64) string {
		return b.add("Gather", nil, b.add("Shape", nil, x), b.constant(tensor.New([]int64{axis})))
	}
	is := func(axis, n int64) string { return b.add("Equal", nil, size(axis), b.constant(tensor.New([]int64{n}))) }
	relu := func(in string) func(*builder) string {
		return func(b *builder) string {
			b.Nodes = append(b.Nodes, &graph.Node{Op: "Relu", Inputs: []string{in}, Outputs: []string{"same"}})
			return b.add("Mul", nil, "same", b.constant(tensor.New([]float32{2})))
		}
	}
	pass := func(name string) func(*builder) string { return func(*builder) string { return name } }
	choose := func(cond string, then, other func(*builder) string) string {
		return b.add("If", map[string]graph.Attr{"then_branch": branch(b, then), "else_branch": branch(b, other)}, cond)
	}
	y := choose(is(2, 1), relu(x), pass(x))
	z := choose(is(3, 7), relu(x), func(b *builder) string { // an If inside, and the value of one before
		both := branch(b, func(b *builder) string { return b.add("Sub", nil, y, x) })
		return b.add("If", map[string]graph.Attr{"then_branch": both, "else_branch": branch(b, pass(y))}, is(1, 5))
	})
	w := choose(is(3, 6), pass(z), relu(z))
	for _, tap := range []string{y, z, w} {
		b.check(t, tap)
	}
}

func TestIfOnValuesIsRefused(t *testing.T) {
	b := newBuilder(3, 1, 2, 3, 3)
	cond := b.add("Greater", nil, b.add("ReduceSum", map[string]graph.Attr{"keepdims": int64(0)}, "x"), b.constant(tensor.New([]float32{0})))
	pass := branch(b, func(*builder) string { return "x" })
	y := b.add("If", map[string]graph.Attr{"then_branch": pass, "else_branch": pass}, cond)
	if _, err := compileVerified(b.Graph, Options{Input: []int{1, 2, 3, 3}, Tap: y}); !errors.Is(err, op.ErrUnsupported) {
		t.Errorf("error %v, want one of an unsupported operator", err)
	}
}
