// Package tensor holds the dense arrays that pass between the operators of a
// network.
//
// A tensor is a type, a shape and a flat slice of values in row-major (C) order.
// A tensor without values is abstract: its type and shape are known, its values
// are not. Operators given abstract inputs answer with abstract outputs wherever
// the shape of the answer does not depend on a missing value. That makes shape
// inference, constant folding and plain evaluation one and the same code.
//
// Tensors are shared freely and never changed after they were made, except by
// their maker.
package tensor

import (
	"fmt"
	"math"
	"reflect"
	"slices"
)

// A Tensor is a dense array. Data is nil (abstract) or a slice of the Go type
// that DType names, of length Len(Shape). Shape [] is a scalar of one value; a
// dimension of 0 makes an empty tensor, whose Data is an empty non-nil slice.
type Tensor struct {
	DType DType
	Shape []int
	Data  any
}

// Element lists the Go types that a tensor's values can have. Float16 values are
// held as their bit patterns in a []Half.
type Element interface {
	float32 | float64 | Half | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | bool
}

// New wraps values and a shape. It panics if their sizes disagree: shapes that
// come from a file are checked before.
func New[T Element](values []T, shape ...int) *Tensor {
	if len(values) != Len(shape) {
		panic(fmt.Sprintf("tensor: %d values for shape %v", len(values), shape))
	}
	if values == nil {
		values = []T{}
	}
	return &Tensor{DType: TypeOf[T](), Shape: shape, Data: values}
}

// Abstract returns a tensor whose values are not known.
func Abstract(dt DType, shape ...int) *Tensor {
	return &Tensor{DType: dt, Shape: shape}
}

// Known reports whether the tensor has values.
func (t *Tensor) Known() bool { return t.Data != nil }

// Clone returns a copy that shares no memory with t.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{DType: t.DType, Shape: slices.Clone(t.Shape)}
	if t.Known() {
		v := reflect.ValueOf(t.Data)
		c.Data = reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v).Interface()
	}
	return c
}

// Values returns the tensor's values, which the caller must not change. It
// panics if T is not the tensor's type or if the tensor is abstract.
func Values[T Element](t *Tensor) []T { return t.Data.([]T) }

// Len returns the number of elements of a shape: the product of its dimensions,
// saturating at the largest int.
func Len(shape []int) int {
	n := 1
	for _, d := range shape {
		if d == 0 {
			return 0
		}
	}
	for _, d := range shape {
		if d < 0 || n > math.MaxInt/d {
			return math.MaxInt
		}
		n *= d
	}
	return n
}

// String describes the tensor without its values: "float32 [1 3 224 224]".
func (t *Tensor) String() string {
	if t == nil {
		return "absent"
	}
	return fmt.Sprintf("%v %v", t.DType, t.Shape)
}
