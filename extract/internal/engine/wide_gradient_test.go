package engine

import (
	"testing"

	"featstore/extract/internal/graph"
)

// TestWideGradients: weights of layers that are so wide that their gradients are computed in
// several blocks of pixels and of results, from inputs that are copied side by side.
func TestWideGradients(t *testing.T) {
	for name, build := range map[string]func(b *builder, x string) string{
		"pointwise": func(b *builder, x string) string {
			return b.conv(b.conv(x, 3, 1040, 1, 1, nil), 1040, 400, 1, 1, nil)
		},
		"strided": func(b *builder, x string) string {
			strided := map[string]graph.Attr{"strides": []int64{2, 2}, "pads": []int64{1, 1, 1, 1}}
			return b.conv(b.conv(x, 3, 520, 1, 1, nil), 520, 50, 3, 1, strided)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(9, 2, 3, 27, 11)
			b.checkTrained(t, b.add("GlobalAveragePool", nil, b.add("Relu", nil, build(b, "x"))))
		})
	}
}
