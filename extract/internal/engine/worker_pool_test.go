package engine

import (
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// TestWorkersShareWeights checks the steps that several workers share by weights instead
// of lines: the results are the same, and it is this way that they go.
func TestWorkersShareWeights(t *testing.T) {
	for name, network := range map[string]func(b *builder) string{
		"product": func(b *builder) string {
			x := b.conv("x", 64, 640, 3, 1, map[string]graph.Attr{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)})
			y := b.conv("x", 64, 640, 3, 1, map[string]graph.Attr{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)})
			return b.add("HardSwish", nil, b.add("Add", nil, x, y))
		},
		"points": func(b *builder) string {
			return b.add("HardSwish", nil, b.add("Add", nil, b.conv("x", 64, 64, 3, 1, nil), "x"))
		},
		"block": func(b *builder) string {
			x := b.add("HardSwish", nil, b.conv("x", 64, 160, 1, 1, nil))
			x = b.add("Clip", nil, b.conv(x, 160, 160, 5, 160, nil), b.constant(tensor.New([]float32{0})), b.constant(tensor.New([]float32{6})))
			return b.add("Add", nil, b.conv(x, 160, 64, 1, 1, nil), "x")
		},
		"block without a projection": func(b *builder) string {
			x := b.add("HardSwish", nil, b.conv("x", 64, 160, 1, 1, nil))
			return b.add("HardSwish", nil, b.conv(x, 160, 160, 5, 160, nil))
		},
		"block with rows that nobody reads": func(b *builder) string {
			x := b.add("Relu", nil, b.conv("x", 64, 160, 1, 1, nil))
			x = b.conv(x, 160, 160, 3, 160, map[string]graph.Attr{"strides": ints(3, 2)})
			return b.add("HardSwish", nil, b.conv(x, 160, 40, 1, 1, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(4, 2, 64, 9, 7)
			p := b.check(t, network(b))
			shared := 0
			for _, s := range p.plan.Steps {
				if s, ok := s.(exec.ParallelStep); ok && s.Shares(3) {
					shared++
				}
			}
			if shared == 0 {
				t.Error("all steps are shared by lines")
			}
		})
	}
}
