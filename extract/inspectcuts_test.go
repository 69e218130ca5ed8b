package extract

import (
	"strings"
	"testing"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// TestCutsBelowAnOperationWithoutGradient: the lowest cut from which a network can be
// trained has no weights below the operation, which is named.
func TestCutsBelowAnOperationWithoutGradient(t *testing.T) {
	m := onnxtest.New(17)
	m.Input("x", tensor.Float32, 1, 3, 8, 8)
	weights := func(name string, dims ...int) string {
		w := tensor.New(noise(tensor.Len(dims), 3), dims...)
		return m.Init(name, w)
	}
	y := m.As("first", "Conv", []string{"x", weights("w1", 4, 3, 3, 3)}, nil)
	y = m.As("sums", "CumSum", []string{y, m.Init("axis", tensor.New([]int64{3}, 1))}, nil)
	y = m.As("second", "Conv", []string{y, weights("w2", 4, 4, 3, 3)}, nil)
	y = m.As("y", "Relu", []string{y}, nil)
	m.Raw(12, onnxtest.ValueInfo(y, tensor.Float32, 1, 4, 4, 4))
	f, err := readMemory(m.Bytes(), nil, DefaultModelLimits())
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, "inception,size=8")
	r.Tap = y
	i := f.Inspect(r)
	if err := i.ListCuts(); err != nil {
		t.Fatal(err)
	}
	if i.TrainableFrom != "first" || !strings.Contains(i.Untrainable, "CumSum") {
		t.Errorf("trainable from %q, %q; cuts %v", i.TrainableFrom, i.Untrainable, i.Cuts)
	}
}
