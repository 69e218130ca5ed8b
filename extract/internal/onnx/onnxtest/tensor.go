package onnxtest

import (
	"encoding/binary"
	"fmt"
	"math"

	"featstore/extract/internal/tensor"
)

// Tensor encodes a TensorProto with its values in raw form.
func Tensor(name string, t *tensor.Tensor) Message {
	return Header(name, t.DType, t.Shape...).Bytes(9, Raw(t))
}

// Typed encodes a TensorProto with its values in the field for their type.
func Typed(name string, t *tensor.Tensor) Message {
	b := Header(name, t.DType, t.Shape...)
	var p []byte
	switch v := t.Data.(type) {
	case []float32:
		return b.Bytes(4, Raw(t))
	case []float64:
		return b.Bytes(10, Raw(t))
	case []int64:
		return b.Bytes(7, Packed(v...))
	case []uint64:
		return b.Bytes(11, packed(v))
	case []uint32:
		return b.Bytes(11, packed(v))
	case []int32:
		p = packed(v)
	case []int16:
		p = packed(v)
	case []uint16:
		p = packed(v)
	case []int8:
		p = packed(v)
	case []uint8:
		p = packed(v)
	case []tensor.Half:
		p = packed(v)
	case []bool:
		p = Raw(t)
	default:
		panic(fmt.Sprintf("onnxtest: values %T", t.Data))
	}
	return b.Bytes(5, p)
}

// External encodes a TensorProto with its values in a file beside the model.
func External(name string, dt tensor.DType, dims []int, location string, offset, length int) Message {
	b := Header(name, dt, dims...)
	b = b.Bytes(13, entry("location", location))
	b = b.Bytes(13, entry("offset", fmt.Sprint(offset)))
	return b.Bytes(13, entry("length", fmt.Sprint(length))).Varint(14, 1)
}

// Header encodes a TensorProto without values.
func Header(name string, dt tensor.DType, dims ...int) Message {
	var b Message
	for _, d := range dims {
		b = b.Varint(1, int64(d))
	}
	b = b.Varint(2, int64(dt))
	if name != "" {
		b = b.Text(8, name)
	}
	return b
}

func packed[T int8 | uint8 | int16 | uint16 | int32 | uint32 | uint64 | tensor.Half](v []T) []byte {
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
	}
	return Packed(w...)
}

// Raw returns a tensor's values in raw form, little-endian.
func Raw(t *tensor.Tensor) []byte {
	b, err := binary.Append([]byte{}, binary.LittleEndian, t.Data)
	if err != nil {
		panic(fmt.Sprintf("onnxtest: values %T: %v", t.Data, err))
	}
	if want := tensor.Len(t.Shape) * t.DType.Size(); len(b) != want || want == math.MaxInt {
		panic(fmt.Sprintf("onnxtest: %d bytes for %v", len(b), t))
	}
	return b
}
