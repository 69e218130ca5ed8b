package engine

import (
	"testing"

	"featstore/extract/internal/graph"
)

// TestHandsShareWeights checks the steps that several hands share by weights instead
// of lines: the results are the same, and it is this way that they go.
func TestHandsShareWeights(t *testing.T) {
	for name, network := range map[string]func(b *builder) string{
		"product": func(b *builder) string {
			x := b.conv("x", 64, 640, 3, 1, map[string]graph.Attr{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)})
			y := b.conv("x", 64, 640, 3, 1, map[string]graph.Attr{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)})
			return b.add("HardSwish", nil, b.add("Add", nil, x, y))
		},
		"points": func(b *builder) string {
			return b.add("HardSwish", nil, b.add("Add", nil, b.conv("x", 64, 64, 3, 1, nil), "x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(4, 2, 64, 9, 7)
			p := b.check(t, network(b))
			r := p.NewParallelRunner(3)
			r.in, r.out = make([]float32, p.inputLen), make([]float32, p.dim)
			r.team.start()
			defer r.team.stop()
			shared := 0
			for _, s := range p.steps {
				if s, ok := s.(teamStep); ok && s.runTeam(r, r.team) {
					shared++
				}
			}
			if shared == 0 {
				t.Error("all steps are shared by lines")
			}
		})
	}
}
