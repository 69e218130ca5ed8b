package engine

import (
	"fmt"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestWinogradAgainstReference runs every algorithm, whether it would be chosen
// or not, at sizes that fill their tiles and at others.
func TestWinogradAgainstReference(t *testing.T) {
	for _, taps := range [][2]int{{3, 3}, {1, 3}, {3, 1}, {1, 7}, {7, 1}} {
		for _, my := range outputsOf[taps[0]] {
			for _, mx := range outputsOf[taps[1]] {
				for _, size := range [][2]int{{8, 12}, {9, 7}, {17, 17}} {
					t.Run(fmt.Sprintf("%d×%d taps, %d×%d outputs, %v", taps[0], taps[1], my, mx, size), func(t *testing.T) {
						checkWinograd(t, taps, my, mx, size)
					})
				}
			}
		}
	}
}

func checkWinograd(t *testing.T, taps [2]int, my, mx int, size [2]int) {
	b := newBuilder(3, 2, 20, size[0], size[1])
	x := b.add("Conv", map[string]graph.Attr{"auto_pad": "SAME_UPPER"}, "x", b.weights(36, 20, taps[0], taps[1]), b.weights(36))
	y := b.add("Relu", nil, b.add("Add", nil, x, b.conv("x", 20, 36, 1, 1, nil)))
	shape := []int{2, 20, size[0], size[1]}
	in := make([]float32, tensor.Len(shape))
	for i := range in {
		in[i] = float32(b.rng.NormFloat64())
	}
	res, err := op.Interpret(b.Graph, map[string]*tensor.Tensor{"x": tensor.New(in, shape...)}, y)
	if err != nil {
		t.Fatal(err)
	}
	var pixels []float32
	forEachOffset(shape, innermost(4, 1), func(at int) { pixels = append(pixels, in[at]) })
	for _, s := range kernel.Sets() {
		p, err := compile(b.Graph, verified(Options{Input: shape, Tap: y, Pool: "none", Kernels: s.Name}), func(g *net) {
			for _, n := range g.nodes {
				if c, ok := n.op.(*conv); ok && c.KH == taps[0] && c.KW == taps[1] {
					c.winograd = c.tiled(my, mx, size[0], size[1])
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, p.Dim())
		if err := p.NewRunner().Run(t.Context(), pixels, got); err != nil {
			t.Fatal(err)
		}
		compare(t, s.Name, got, tensor.Values[float32](res[y]))
	}
}
