package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"unsafe"

	"featstore/extract/internal/tensor"
)

// littleEndian reports whether the machine holds numbers as ONNX's raw data does.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// values decodes t, once. Types without a Go form (strings, bfloat16, float8, the
// four-bit integers) give an abstract tensor: an operator that needs its values refuses
// it.
func (p *parser) values(t *tensorProto) (*tensor.Tensor, error) {
	if t.decoded != nil {
		return t.decoded, nil
	}
	if t.segment {
		return nil, wrong(ErrUnsupported, "the tensor is split in segments")
	}
	if t.dtype <= 0 {
		return nil, wrong(ErrCorrupt, "no element type")
	}
	n := tensor.Len(t.dims)
	size := t.dtype.Size()
	if int64(n) > min(p.MaxTensorBytes, math.MaxInt)/int64(max(size, 1)) {
		return nil, wrong(ErrTooLarge, "shape %v of %v", t.dims, t.dtype)
	}
	if err := p.budget.tensor(int64(n) * int64(size)); err != nil {
		return nil, err
	}
	out := tensor.Abstract(t.dtype, t.dims...)
	if size != 0 {
		var err error
		if out.Data, err = p.data(t, n, n*size); err != nil {
			return nil, err
		}
	}
	t.decoded = out
	return out, nil
}

// data finds the n values of t, which take size bytes in raw form.
func (p *parser) data(t *tensorProto, n, size int) (any, error) {
	if t.external {
		raw, err := p.external.read(t.entries, size)
		if err != nil {
			return nil, err
		}
		return decodeRaw(t.dtype, raw, n), nil
	}
	field := typedField(t.dtype)
	switch {
	case len(t.raw) > 0 && t.typed != 0:
		return nil, wrong(ErrCorrupt, "values both in raw and in typed form")
	case t.typed&^(1<<field) != 0:
		return nil, wrong(ErrCorrupt, "values in a form that does not go with %v", t.dtype)
	case t.typed != 0:
		return decodeTyped(t, field, n)
	case len(t.raw) != size:
		return nil, wrong(ErrCorrupt, "shape %v of %v takes %d bytes, %d are there", t.dims, t.dtype, size, len(t.raw))
	}
	raw := t.raw
	if p.copy {
		raw = bytes.Clone(raw) // aligned, so that nothing copies it once more
	}
	return decodeRaw(t.dtype, raw, n), nil
}

// typedField is the field of a TensorProto that holds values of a type when they
// are not in raw form.
func typedField(dt tensor.DType) int {
	switch dt {
	case tensor.Float32:
		return tensorFloatData
	case tensor.Int64:
		return tensorInt64Data
	case tensor.Float64:
		return tensorDoubleData
	case tensor.Uint32, tensor.Uint64:
		return tensorUint64Data
	}
	return tensorInt32Data
}

// decodeRaw returns n values in raw form. They alias raw where they lie aligned
// there, except bools, of which Go allows no bytes but 0 and 1.
func decodeRaw(dt tensor.DType, raw []byte, n int) any {
	switch dt {
	case tensor.Float32:
		return view(raw, n, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case tensor.Float64:
		return view(raw, n, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case tensor.Float16:
		return view(raw, n, func(b []byte) tensor.Half { return tensor.Half(binary.LittleEndian.Uint16(b)) })
	case tensor.Int8:
		return view(raw, n, func(b []byte) int8 { return int8(b[0]) })
	case tensor.Uint8:
		return view(raw, n, func(b []byte) uint8 { return b[0] })
	case tensor.Int16:
		return view(raw, n, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) })
	case tensor.Uint16:
		return view(raw, n, binary.LittleEndian.Uint16)
	case tensor.Int32:
		return view(raw, n, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	case tensor.Uint32:
		return view(raw, n, binary.LittleEndian.Uint32)
	case tensor.Int64:
		return view(raw, n, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case tensor.Uint64:
		return view(raw, n, binary.LittleEndian.Uint64)
	}
	v := make([]bool, n)
	for i := range v {
		v[i] = raw[i] != 0
	}
	return v
}

// view returns raw as n values of type T: in place, as one copy where they are
// not aligned, or one by one through get on a big-endian machine.
func view[T any](raw []byte, n int, get func([]byte) T) []T {
	if n == 0 {
		return []T{}
	}
	var z T
	size := int(unsafe.Sizeof(z))
	if !littleEndian {
		v := make([]T, n)
		for i := range v {
			v[i] = get(raw[i*size:])
		}
		return v
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%unsafe.Alignof(z) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
	}
	v := make([]T, n)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), n*size), raw)
	return v
}

// decodeTyped returns the n values of t in one of its typed fields.
func decodeTyped(t *tensorProto, field, n int) (any, error) {
	switch t.dtype {
	case tensor.Float32:
		return fixedValues(t, field, n, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case tensor.Float64:
		return fixedValues(t, field, n, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	case tensor.Float16:
		return varintValues(t, field, n, 0, math.MaxUint16, func(v int64) tensor.Half { return tensor.Half(v) })
	case tensor.Int8:
		return varintValues(t, field, n, math.MinInt8, math.MaxInt8, func(v int64) int8 { return int8(v) })
	case tensor.Uint8:
		return varintValues(t, field, n, 0, math.MaxUint8, func(v int64) uint8 { return uint8(v) })
	case tensor.Int16:
		return varintValues(t, field, n, math.MinInt16, math.MaxInt16, func(v int64) int16 { return int16(v) })
	case tensor.Uint16:
		return varintValues(t, field, n, 0, math.MaxUint16, func(v int64) uint16 { return uint16(v) })
	case tensor.Int32:
		return varintValues(t, field, n, math.MinInt32, math.MaxInt32, func(v int64) int32 { return int32(v) })
	case tensor.Uint32:
		return varintValues(t, field, n, 0, math.MaxUint32, func(v int64) uint32 { return uint32(v) })
	case tensor.Int64:
		return varintValues(t, field, n, math.MinInt64, math.MaxInt64, func(v int64) int64 { return v })
	case tensor.Uint64:
		return varintValues(t, field, n, math.MinInt64, math.MaxInt64, func(v int64) uint64 { return uint64(v) })
	}
	return varintValues(t, field, n, math.MinInt64, math.MaxInt64, func(v int64) bool { return v != 0 })
}

func varintValues[T any](t *tensorProto, field, n int, least, most int64, conv func(int64) T) ([]T, error) {
	out := make([]T, 0, min(n, len(t.body.buf))) // every value takes a byte or more
	for f := t.body; ; {
		if !f.next() {
			return checkCount(t, out, n, f.err)
		}
		if int(f.num) != field {
			continue
		}
		f.varints(func(v int64) {
			switch {
			case v < least || v > most:
				f.fail("value %d is no %v", v, t.dtype)
			case len(out) == n:
				f.fail("shape %v takes %d values, more are there", t.dims, n)
			default:
				out = append(out, conv(v))
			}
		})
	}
}

func fixedValues[T any](t *tensorProto, field, n, size int, get func([]byte) T) ([]T, error) {
	out := make([]T, 0, min(n, len(t.body.buf)/size))
	for f := t.body; ; {
		if !f.next() {
			return checkCount(t, out, n, f.err)
		}
		if int(f.num) != field {
			continue
		}
		b := f.fixed(size)
		if len(b)/size > n-len(out) {
			f.fail("shape %v takes %d values, more are there", t.dims, n)
			continue
		}
		for ; len(b) > 0; b = b[size:] {
			out = append(out, get(b))
		}
	}
}

func checkCount[T any](t *tensorProto, out []T, n int, err error) ([]T, error) {
	if err == nil && len(out) != n {
		err = wrong(ErrCorrupt, "shape %v takes %d values, %d are there", t.dims, n, len(out))
	}
	return out, err
}
