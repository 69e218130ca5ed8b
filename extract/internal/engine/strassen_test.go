package engine

import (
	"fmt"
	"slices"
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestStrassenAgainstReference runs products by Strassen whether it pays or not: a single
// pixel, odd numbers of them, more than a block; results with a halo; a residual that the
// results overwrite; columns that fill no vector.
func TestStrassenAgainstReference(t *testing.T) {
	for _, shape := range [][]int{{1, 36, 1, 1}, {2, 36, 3, 5}, {1, 36, 4, 7}, {2, 36, 17, 19}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			b := newBuilder(4, shape...)
			x := b.add("HardSwish", nil, b.conv("x", 36, 130, 1, 1, nil))
			x = b.conv(x, 130, 36, 3, 1, map[string]graph.Attr{"pads": ints(1, 1, 1, 1)})
			y := b.add("Add", nil, b.conv(x, 36, 36, 1, 1, nil), x)
			y = b.add("Relu", nil, b.add("Add", nil, b.conv(y, 36, 36, 1, 1, nil), y))
			checkStrassen(t, b, shape, b.conv(y, 36, 36, 3, 1, map[string]graph.Attr{"pads": ints(1, 1, 1, 1)}), 3)
		})
	}
}

func TestStrassenOfTokens(t *testing.T) {
	shape := []int{1, 9, 20}
	b := newBuilder(5, shape...)
	y := b.add("Add", nil, b.add("MatMul", nil, "x", b.weights(20, 48)), b.weights(48))
	checkStrassen(t, b, shape, b.add("MatMul", nil, b.add("Tanh", nil, y), b.weights(48, 6)), 2)
}

func checkStrassen(t *testing.T, b *builder, shape []int, tap string, steps int) {
	t.Helper()
	in := make([]float32, tensor.Len(shape))
	for i := range in {
		in[i] = float32(b.rng.NormFloat64())
	}
	res, err := op.Interpret(b.Graph, map[string]*tensor.Tensor{"x": tensor.New(in, shape...)}, tap)
	if err != nil {
		t.Fatal(err)
	}
	pixels := imageOf(tensor.New(in, shape...))
	for _, s := range kernel.Sets() {
		p, err := compile(b.Graph, verified(Options{Input: shape, ChannelsLast: fedChannelsLast(shape), Tap: tap, Pool: "none", Kernels: s.Name}), func(g *net) {
			for _, n := range g.nodes {
				if c, ok := n.op.(*conv); ok {
					c.strassen = c.strassenFits()
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := strassenSteps(p); n != steps {
			t.Errorf("%d products by Strassen, want %d", n, steps)
		}
		got, together := make([]float32, p.Dim()), make([]float32, p.Dim())
		r, parallel := p.NewRunner(), p.NewParallelRunner(3)
		for range 2 { // the second run must not see anything of the first
			if err := r.Run(t.Context(), pixels, got); err != nil {
				t.Fatal(err)
			}
			compare(t, s.Name, got, tensor.Values[float32](res[tap]))
		}
		if err := parallel.Run(t.Context(), pixels, together); err != nil {
			t.Fatal(err)
		}
		checkAllocations(t, p, r, pixels)
		checkAllocations(t, p, parallel, pixels)
		if !slices.Equal(got, together) {
			t.Errorf("%s: three cores compute something else than one", s.Name)
		}
	}
}

func strassenSteps(p *Program) int {
	n := 0
	for _, s := range p.plan.Steps {
		if _, ok := s.(*exec.Strassen); ok {
			n++
		}
	}
	return n
}

// TestStrassenWhereItPays compiles the sizes of ViT and of MobileNet.
func TestStrassenWhereItPays(t *testing.T) {
	for _, c := range []struct {
		in, out, pixels int
		residual, want  bool
	}{
		{in: 768, out: 3072, pixels: 197, want: true},
		{in: 3072, out: 768, pixels: 197, residual: true, want: true},
		{in: 768, out: 768, pixels: 197, residual: true},
		{in: 2048, out: 1000, pixels: 1},
		{in: 2048, out: 512, pixels: 49},
		{in: 96, out: 576, pixels: 196},
		{in: 769, out: 3072, pixels: 197},
	} {
		x := &conv{axis: 1, ConvShape: exec.ConvShape{CIn: c.in, COut: c.out, Group: 1, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1}}
		if got := x.worthStrassen(c.pixels, c.residual); got != c.want {
			t.Errorf("%d→%d of %d pixels, residual %v: %v", c.in, c.out, c.pixels, c.residual, got)
		}
	}
}
