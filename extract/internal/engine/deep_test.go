package engine

import (
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
)

// TestDeepProductsAreCut checks convolutions whose products are summed in parts:
// bias and residual belong to the first one, bounds and curves to the last.
func TestDeepProductsAreCut(t *testing.T) {
	const c = 1600 // two parts of every tap
	for name, conv := range map[string]func(b *builder) string{
		"pointwise": func(b *builder) string { return b.conv("x", c, 21, 1, 1, nil) },
		"strided": func(b *builder) string {
			return b.conv("x", c, 21, 3, 1, map[string]graph.Attr{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)})
		},
		"grouped": func(b *builder) string { return b.conv("x", c, 42, 3, 2, nil) },
	} {
		for _, act := range []string{"Relu", "HardSwish"} {
			t.Run(name+" "+act, func(t *testing.T) {
				b := newBuilder(9, 2, c, 5, 3)
				y := conv(b)
				y = b.add(act, nil, b.add("Add", nil, b.add("Neg", nil, y), y))
				y = b.add(act, nil, b.add("Add", nil, conv(b), y))
				p := b.check(t, y)
				for _, s := range p.plan.Steps {
					if s, ok := s.(*exec.Conv); ok && s.Parts() < 2 {
						t.Error("a product is not cut")
					}
				}
			})
		}
	}
}
