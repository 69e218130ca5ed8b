package tensor

import "fmt"

// DType is the type of a tensor's elements. The numbers are those of ONNX's
// TensorProto.DataType.
type DType int32

// The element types that image classifiers use at inference.
const (
	Float32 DType = 1
	Uint8   DType = 2
	Int8    DType = 3
	Uint16  DType = 4
	Int16   DType = 5
	Int32   DType = 6
	Int64   DType = 7
	Bool    DType = 9
	Float16 DType = 10
	Float64 DType = 11
	Uint32  DType = 12
	Uint64  DType = 13
)

var names = map[DType]string{
	Float32: "float32", Uint8: "uint8", Int8: "int8", Uint16: "uint16", Int16: "int16", Int32: "int32",
	Int64: "int64", Bool: "bool", Float16: "float16", Float64: "float64", Uint32: "uint32", Uint64: "uint64",
}

// String returns the name of the type, as "float32".
func (d DType) String() string {
	if s, ok := names[d]; ok {
		return s
	}
	return fmt.Sprintf("onnx type %d", int32(d))
}

// Size returns the bytes that one element takes in ONNX's raw form, or 0 for a
// type that is not supported.
func (d DType) Size() int {
	switch d {
	case Uint8, Int8, Bool:
		return 1
	case Uint16, Int16, Float16:
		return 2
	case Float32, Int32, Uint32:
		return 4
	case Float64, Int64, Uint64:
		return 8
	}
	return 0
}

// TypeOf returns the DType of the Go type T.
func TypeOf[T Element]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case Half:
		return Float16
	case int8:
		return Int8
	case uint8:
		return Uint8
	case int16:
		return Int16
	case uint16:
		return Uint16
	case int32:
		return Int32
	case uint32:
		return Uint32
	case int64:
		return Int64
	case uint64:
		return Uint64
	}
	return Bool
}
