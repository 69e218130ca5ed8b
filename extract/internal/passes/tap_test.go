package passes

import (
	"errors"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// TestFindTapQuantised: the scores of a network of 8-bit numbers go through
// QuantizeLinear and DequantizeLinear, and its last layer may be on the numbers.
func TestFindTapQuantised(t *testing.T) {
	around := newBuilder(9, 1, 3, 8, 8)
	q := []string{around.constant(tensor.New([]float32{0.1})), around.constant(tensor.New([]uint8{128}))}
	rounded := func(x string) string {
		return around.add("DequantizeLinear", nil, around.add("QuantizeLinear", nil, x, q[0], q[1]), q[0], q[1])
	}
	tap := rounded(around.add("Flatten", nil, around.add("GlobalAveragePool", nil, around.conv("x", 3, 4, 3))))
	scores := rounded(around.add("MatMul", nil, tap, around.weights(4, 5)))
	around.Outputs = []graph.Output{{Name: around.add("Softmax", nil, scores)}}
	if got, _, err := FindTap(around.Graph); got != tap || err != nil {
		t.Errorf("around operators: %q %v, want %q", got, err, tap)
	}

	inside := newBuilder(9, 1, 3, 8, 8)
	q = []string{inside.constant(tensor.New([]float32{0.1})), inside.constant(tensor.New([]uint8{128}))}
	tap = inside.add("Flatten", nil, inside.add("GlobalAveragePool", nil, inside.conv("x", 3, 4, 3)))
	w := inside.constant(tensor.New(make([]uint8, 20), 4, 5))
	y := inside.add("QLinearMatMul", nil, inside.add("QuantizeLinear", nil, tap, q[0], q[1]), q[0], q[1], w, q[0], q[1], q[0], q[1])
	inside.Outputs = []graph.Output{{Name: inside.add("DequantizeLinear", nil, y, q[0], q[1])}}
	if got, _, err := FindTap(inside.Graph); got != tap || err != nil {
		t.Errorf("on 8-bit numbers: %q %v, want %q", got, err, tap)
	}
}

// What a network does with its scores, or with its features when it has lost its
// classifier.
func TestFindTapByStructure(t *testing.T) {
	pool := func(b *builder, x string) string {
		return b.add("Flatten", nil, b.add("GlobalAveragePool", nil, x))
	}
	classify := func(b *builder, x string) string { return b.add("MatMul", nil, x, b.weights(4, 5)) }
	wide := func(b *builder, channels int) string {
		return b.add("Relu", nil, b.conv(b.add("Relu", nil, b.conv("x", 3, 4, 3)), 4, channels, 1))
	}
	for name, c := range map[string]struct {
		build func(b *builder) (tap, output string)
	}{
		"arg-max": {func(b *builder) (string, string) {
			tap := pool(b, b.conv("x", 3, 4, 3))
			return tap, b.add("ArgMax", nil, classify(b, tap))
		}},
		"an operator never heard of": {func(b *builder) (string, string) {
			tap := pool(b, b.conv("x", 3, 4, 3))
			return tap, b.add("ZipMap", nil, b.add("Softmax", nil, classify(b, tap)))
		}},
		"reshaped as computed": {func(b *builder) (string, string) {
			tap := pool(b, b.conv("x", 3, 4, 3))
			y := classify(b, tap)
			return tap, b.add("Reshape", nil, y, b.add("Shape", nil, y))
		}},
		"no classifier": {func(b *builder) (string, string) {
			out := pool(b, b.add("Relu", nil, b.conv("x", 3, 4, 3)))
			return out, out
		}},
		"no classifier, a wide 1×1 convolution": {func(b *builder) (string, string) {
			out := pool(b, wide(b, 128))
			return out, out
		}},
		"a 1×1 convolution to ten labels, pooled": {func(b *builder) (string, string) {
			y := wide(b, 10)
			return "relu", pool(b, y)
		}},
		"a 1×1 convolution to 64 labels, pooled, probabilities": {func(b *builder) (string, string) {
			y := wide(b, 64)
			return "relu", b.add("Softmax", nil, pool(b, y))
		}},
		"nothing": {func(b *builder) (string, string) { return "", b.add("Relu", nil, b.conv("x", 3, 4, 3)) }},
	} {
		b := newBuilder(9, 1, 3, 8, 8)
		want, out := c.build(b)
		b.Outputs = []graph.Output{{Name: out}}
		if want == "relu" { // the first one
			for _, n := range b.Nodes {
				if n.Op == "Relu" {
					want = n.Outputs[0]
					break
				}
			}
		}
		got, _, err := FindTap(b.Graph)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
	}
}

// A network is tapped where its last weighted layer reads, past what changes nothing.
func TestFindTap(t *testing.T) {
	dense := newBuilder(9, 1, 3, 8, 8)
	v := dense.add("Flatten", nil, dense.add("GlobalAveragePool", nil, dense.conv("x", 3, 4, 3)))
	s := dense.add("Softmax", nil, dense.add("Gemm", nil, dense.add("Dropout", nil, v), dense.weights(4, 5)))
	dense.Outputs = []graph.Output{{Name: s}}
	if tap, candidates, err := FindTap(dense.Graph); tap != v || err != nil || candidates[0] != v {
		t.Errorf("dense: %q %q %v, want %q", tap, candidates, err, v)
	}
	squeeze := newBuilder(9, 1, 3, 8, 8)
	m := squeeze.conv("x", 3, 4, 3)
	s = squeeze.add("Flatten", nil, squeeze.add("GlobalAveragePool", nil, squeeze.add("Relu", nil, squeeze.add("Conv", nil, m, squeeze.weights(9, 4, 1, 1)))))
	squeeze.Outputs = []graph.Output{{Name: s}}
	if tap, _, err := FindTap(squeeze.Graph); tap != m || err != nil {
		t.Errorf("squeeze: %q %v, want %q", tap, err, m)
	}
	none := newBuilder(9, 1, 3, 8, 8)
	none.Outputs = []graph.Output{{Name: none.conv("x", 3, 4, 3)}}
	if _, _, err := FindTap(none.Graph); !errors.Is(err, ErrNoTap) {
		t.Errorf("none: %v", err)
	}
}
