package op

import (
	"math"

	"featstore/extract/internal/tensor"
)

// num lists the types that operators compute in.
type num interface{ float64 | int64 | uint64 }

// element lists the Go types of numeric tensors, Half aside.
type element interface {
	float32 | float64 | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64
}

func isFloat(dt tensor.DType) bool {
	return dt == tensor.Float32 || dt == tensor.Float64 || dt == tensor.Float16
}

func isInt(dt tensor.DType) bool {
	return dt.Size() > 0 && !isFloat(dt) && dt != tensor.Bool
}

func convert[D, S element](v []S) []D {
	out := make([]D, len(v))
	for i, x := range v {
		out[i] = D(x)
	}
	return out
}

// floatsOf returns the values of a floating-point tensor. They must not be
// changed.
func floatsOf(t *tensor.Tensor) []float64 {
	switch v := t.Data.(type) {
	case []float64:
		return v
	case []float32:
		return convert[float64](v)
	case []tensor.Half:
		out := make([]float64, len(v))
		for i, h := range v {
			out[i] = float64(h.Float32())
		}
		return out
	}
	fail("%v: floating-point values are needed", t)
	return nil
}

// intsOf returns the values of an integer or bool tensor, which must not be
// changed.
func intsOf(t *tensor.Tensor) []int64 {
	switch v := t.Data.(type) {
	case []int64:
		return v
	case []int8:
		return convert[int64](v)
	case []uint8:
		return convert[int64](v)
	case []int16:
		return convert[int64](v)
	case []uint16:
		return convert[int64](v)
	case []int32:
		return convert[int64](v)
	case []uint32:
		return convert[int64](v)
	case []uint64:
		return convert[int64](v)
	case []bool:
		out := make([]int64, len(v))
		for i, b := range v {
			if b {
				out[i] = 1
			}
		}
		return out
	}
	fail("%v: integers are needed", t)
	return nil
}

// uintsOf returns the values of a uint64 tensor, which must not be changed.
func uintsOf(t *tensor.Tensor) []uint64 {
	v, ok := t.Data.([]uint64)
	require(ok, "%v: uint64 values are needed", t)
	return v
}

// numbersOf returns the values of a tensor of any type as float64, which is exact
// for all but large 64-bit integers. They must not be changed.
func numbersOf(t *tensor.Tensor) []float64 {
	switch {
	case isFloat(t.DType):
		return floatsOf(t)
	case t.DType == tensor.Uint64:
		return convert[float64](uintsOf(t))
	}
	return convert[float64](intsOf(t))
}

// fromFloats rounds values to a floating-point type and returns them as that
// type's slice.
func fromFloats(dt tensor.DType, v []float64) any {
	switch dt {
	case tensor.Float64:
		return v
	case tensor.Float32:
		return convert[float32](v)
	case tensor.Float16:
		out := make([]tensor.Half, len(v))
		for i, x := range v {
			out[i] = toHalf(x)
		}
		return out
	}
	panic("op: not a floating-point type: " + dt.String())
}

// toHalf rounds once: by way of a float32 that is rounded to odd, which keeps the
// side on which x lies of the middle between two halves.
func toHalf(x float64) tensor.Half {
	f := float32(x)
	if d := float64(f); d != x && x == x {
		bits := math.Float32bits(f)
		if math.Abs(d) > math.Abs(x) {
			bits-- // towards zero
		}
		f = math.Float32frombits(bits | 1)
	}
	return tensor.ToHalf(f)
}

// fromInts wraps values to an integer type, or takes them as truth values, and
// returns them as that type's slice.
func fromInts(dt tensor.DType, v []int64) any {
	switch dt {
	case tensor.Int64:
		return v
	case tensor.Int8:
		return convert[int8](v)
	case tensor.Uint8:
		return convert[uint8](v)
	case tensor.Int16:
		return convert[int16](v)
	case tensor.Uint16:
		return convert[uint16](v)
	case tensor.Int32:
		return convert[int32](v)
	case tensor.Uint32:
		return convert[uint32](v)
	case tensor.Uint64:
		return convert[uint64](v)
	case tensor.Bool:
		out := make([]bool, len(v))
		for i, x := range v {
			out[i] = x != 0
		}
		return out
	}
	panic("op: not an integer type: " + dt.String())
}

// pick returns the elements of t at the flat indexes. Where an index is -1 it
// takes the only element of fill, or zero when fill is nil.
func pick(t *tensor.Tensor, index []int, fill *tensor.Tensor) any {
	switch v := t.Data.(type) {
	case []float32:
		return pickFrom(v, index, fill)
	case []float64:
		return pickFrom(v, index, fill)
	case []tensor.Half:
		return pickFrom(v, index, fill)
	case []int8:
		return pickFrom(v, index, fill)
	case []uint8:
		return pickFrom(v, index, fill)
	case []int16:
		return pickFrom(v, index, fill)
	case []uint16:
		return pickFrom(v, index, fill)
	case []int32:
		return pickFrom(v, index, fill)
	case []uint32:
		return pickFrom(v, index, fill)
	case []int64:
		return pickFrom(v, index, fill)
	case []uint64:
		return pickFrom(v, index, fill)
	case []bool:
		return pickFrom(v, index, fill)
	}
	panic("op: values of an unknown type")
}

func pickFrom[T tensor.Element](v []T, index []int, fill *tensor.Tensor) []T {
	var other T
	if fill != nil {
		require(fill.DType == tensor.TypeOf[T]() && tensor.Len(fill.Shape) == 1, "the fill value %v does not suit", fill)
		other = tensor.Values[T](fill)[0]
	}
	out := make([]T, len(index))
	for i, j := range index {
		if j >= 0 {
			out[i] = v[j]
		} else {
			out[i] = other
		}
	}
	return out
}

// zeros returns n zeros as the slice of a type.
func zeros(dt tensor.DType, n int) any {
	if isFloat(dt) {
		return fromFloats(dt, make([]float64, n))
	}
	return fromInts(dt, make([]int64, n))
}

// join returns the elements of all tensors, which are of one type, in one list:
// the base for pick to choose from several tensors.
func join(ts []*tensor.Tensor) *tensor.Tensor {
	if len(ts) == 1 {
		return ts[0]
	}
	n := 0
	for _, t := range ts {
		n += tensor.Len(t.Shape)
	}
	out := &tensor.Tensor{DType: ts[0].DType, Shape: []int{n}}
	switch ts[0].Data.(type) {
	case []float32:
		out.Data = joined[float32](ts)
	case []float64:
		out.Data = joined[float64](ts)
	case []tensor.Half:
		out.Data = joined[tensor.Half](ts)
	case []bool:
		out.Data = joined[bool](ts)
	case []uint64:
		out.Data = joined[uint64](ts)
	default:
		var v []int64
		for _, t := range ts {
			v = append(v, intsOf(t)...)
		}
		out.Data = fromInts(out.DType, v)
	}
	return out
}

func joined[T tensor.Element](ts []*tensor.Tensor) []T {
	var v []T
	for _, t := range ts {
		v = append(v, tensor.Values[T](t)...)
	}
	return v
}

// toInt truncates towards zero. Beyond int64 it saturates, and NaN is 0: the same
// on every processor.
func toInt(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= 1<<63:
		return math.MaxInt64
	case x < -1<<63:
		return math.MinInt64
	}
	return int64(x)
}
