package op_test

import (
	"math"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestBatchNormalizationTraining compares the results of training mode with numbers that
// were computed by hand: of each channel's four values 1, 2, 3, 6 the mean is 3 and the
// variance 3.5.
func TestBatchNormalizationTraining(t *testing.T) {
	x := tensor.New([]float32{1, 2, 10, 20, 3, 6, 30, 60}, 2, 2, 2)
	vector := func(v ...float32) *tensor.Tensor { return tensor.New(v, len(v)) }
	in := []*tensor.Tensor{x, vector(2, 1), vector(0, 5), vector(1, 1), vector(1, 2)}
	std := math.Sqrt(3.5)
	want := [][]float64{
		{-4 / std, -2 / std, 5 - 2/std, 5 - 1/std, 0, 6 / std, 5, 5 + 3/std},
		{1*0.75 + 3*0.25, 1*0.75 + 30*0.25},
		{1*0.75 + 3.5*0.25, 2*0.75 + 350*0.25},
		{3, 30},
		{3.5, 350},
	}
	for _, c := range []struct {
		opset   int64
		outputs []string
		attrs   map[string]graph.Attr
	}{
		{15, []string{"y", "mean", "variance"}, map[string]graph.Attr{"training_mode": int64(1)}},
		{14, []string{"y", "", "variance"}, map[string]graph.Attr{"training_mode": int64(1)}},
		{14, []string{"y"}, map[string]graph.Attr{"training_mode": int64(1)}},
		{9, []string{"y", "mean", "variance", "saved_mean", "saved_variance"}, map[string]graph.Attr{}},
		{6, []string{"y"}, map[string]graph.Attr{"is_test": int64(0)}},
	} {
		c.attrs["epsilon"], c.attrs["momentum"] = float32(0), float32(0.75)
		n := &graph.Node{Op: "BatchNormalization", Inputs: []string{"x", "s", "b", "m", "v"}, Outputs: c.outputs, Attrs: c.attrs}
		got, err := op.Eval(n, c.opset, in)
		if err != nil {
			t.Errorf("opset %d, outputs %q: %v", c.opset, c.outputs, err)
			continue
		}
		for i, name := range c.outputs {
			if name == "" {
				continue
			}
			for k, v := range tensor.Values[float32](got[i]) {
				if math.Abs(float64(v)-want[i][k]) > 1e-5*math.Max(1, math.Abs(want[i][k])) {
					t.Errorf("opset %d, %s: value %d is %v, not %v", c.opset, name, k, v, want[i][k])
				}
			}
		}
	}
}

// TestBatchNormalizationOutputs: at inference there is one result.
func TestBatchNormalizationOutputs(t *testing.T) {
	one := tensor.New([]float32{1}, 1)
	n := &graph.Node{Op: "BatchNormalization", Inputs: []string{"x", "s", "b", "m", "v"}, Outputs: []string{"y", "mean"}}
	if _, err := op.Eval(n, 15, []*tensor.Tensor{tensor.New([]float32{1}, 1, 1), one, one, one, one}); err == nil {
		t.Error("a running mean at inference")
	}
}
