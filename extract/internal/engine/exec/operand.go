package exec

import (
	"fmt"

	"featstore/extract/internal/tensor"
)

// WholeNumbers returns the values of a tensor of 8-bit numbers as floats.
func WholeNumbers(t *tensor.Tensor) ([]float32, bool) {
	switch t.DType {
	case tensor.Int8:
		return converted[float32](tensor.Values[int8](t)), true
	case tensor.Uint8:
		return converted[float32](tensor.Values[uint8](t)), true
	}
	return nil, false
}

func converted[To, From int8 | uint8 | float32](x []From) []To {
	y := make([]To, len(x))
	for i, v := range x {
		y[i] = To(v)
	}
	return y
}

// asModelType makes a tensor of the model's type of an operand's values.
func (o Operand) asModelType(x []float32) *tensor.Tensor {
	switch o.Integer {
	case tensor.Int8:
		return tensor.New(converted[int8](x), o.Shape...)
	case tensor.Uint8:
		return tensor.New(converted[uint8](x), o.Shape...)
	}
	return tensor.New(x, o.Shape...)
}

// asFloats returns the values of a tensor as the arena holds them.
func (o Operand) asFloats(t *tensor.Tensor) ([]float32, error) {
	want := tensor.Float32
	if o.Integer != 0 {
		want = o.Integer
	}
	if t.DType != want {
		return nil, fmt.Errorf("got %v, planned %v", t, want)
	}
	if o.Integer == 0 {
		return tensor.Values[float32](t), nil
	}
	x, _ := WholeNumbers(t)
	return x, nil
}
