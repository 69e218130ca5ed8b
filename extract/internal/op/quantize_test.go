package op

import (
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// TestQLinearConvBias: the bias is int32, in units of the products.
func TestQLinearConvBias(t *testing.T) {
	scale := func(v float32) *tensor.Tensor { return tensor.New([]float32{v}) }
	zero := func(v uint8) *tensor.Tensor { return tensor.New([]uint8{v}) }
	out, err := Eval(&graph.Node{Op: "QLinearConv", Outputs: []string{"y"}}, 13, []*tensor.Tensor{
		tensor.New([]uint8{3, 5}, 1, 1, 1, 2), scale(0.5), zero(1),
		tensor.New([]int8{2, -1}, 2, 1, 1, 1), tensor.New([]float32{0.5, 1}, 2), tensor.New([]int8{0, 0}, 2),
		scale(0.25), zero(100), tensor.New([]int32{10, -4}, 2),
	})
	if err != nil {
		t.Fatal(err)
	}
	// (2·2+10, 4·2+10)·0.5·0.5/0.25 and (−2−4, −4−4)·0.5·1/0.25, from 100 on
	if got := tensor.Values[uint8](out[0]); !slices.Equal(got, []uint8{114, 118, 88, 84}) {
		t.Errorf("got %v", got)
	}
}
