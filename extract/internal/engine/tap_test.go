package engine

import (
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
	tap := rounded(around.add("Flatten", nil, around.add("GlobalAveragePool", nil, around.conv("x", 3, 4, 3, 1, nil))))
	scores := rounded(around.add("MatMul", nil, tap, around.weights(4, 5)))
	around.Outputs = []graph.Output{{Name: around.add("Softmax", nil, scores)}}
	if got, _, err := FindTap(around.Graph); got != tap || err != nil {
		t.Errorf("around operators: %q %v, want %q", got, err, tap)
	}

	inside := newBuilder(9, 1, 3, 8, 8)
	q = []string{inside.constant(tensor.New([]float32{0.1})), inside.constant(tensor.New([]uint8{128}))}
	tap = inside.add("Flatten", nil, inside.add("GlobalAveragePool", nil, inside.conv("x", 3, 4, 3, 1, nil)))
	w := inside.constant(tensor.New(make([]uint8, 20), 4, 5))
	y := inside.add("QLinearMatMul", nil, inside.add("QuantizeLinear", nil, tap, q[0], q[1]), q[0], q[1], w, q[0], q[1], q[0], q[1])
	inside.Outputs = []graph.Output{{Name: inside.add("DequantizeLinear", nil, y, q[0], q[1])}}
	if got, _, err := FindTap(inside.Graph); got != tap || err != nil {
		t.Errorf("on 8-bit numbers: %q %v, want %q", got, err, tap)
	}
}
