package onnx

import (
	"testing"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
)

// A big-endian machine reads the values one by one. That path gives the right
// values on every machine.
func TestValuesOnABigEndianMachine(t *testing.T) {
	defer func(was bool) { littleEndian = was }(littleEndian)
	for _, want := range []*tensor.Tensor{
		tensor.New([]float32{1, -2.5, 3e9}, 3), tensor.New([]float64{1e-300, -2}, 2), tensor.New([]tensor.Half{0x3c00, 0x8001}, 2),
		tensor.New([]int8{-1, 100}, 2), tensor.New([]uint8{255, 1}, 2), tensor.New([]int16{-300, 2}, 2), tensor.New([]uint16{65000}, 1),
		tensor.New([]int32{-70000, 9}, 2), tensor.New([]uint32{1 << 31}, 1), tensor.New([]int64{-1 << 62, 5}, 2),
		tensor.New([]uint64{1 << 63, 1}, 2), tensor.New([]bool{true, false}, 2),
	} {
		for _, littleEndian = range []bool{false, true} {
			if d := cmp.Diff(want.Data, decodeRaw(want.DType, onnxtest.Raw(want), tensor.Len(want.Shape))); d != "" {
				t.Errorf("%v, little-endian %v: %s", want, littleEndian, d)
			}
		}
	}
}
