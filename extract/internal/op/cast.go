package op

import (
	"encoding/binary"

	"featstore/extract/internal/tensor"
)

// cast converts to the type that the attribute "to" numbers. Numbers are truncated
// towards zero and wrapped; anything but zero is true.
func cast(c *call) []*tensor.Tensor {
	to := attr(c, "to", int64(0))
	dt := tensor.DType(min(max(to, -1), 1<<30))
	if dt.Size() == 0 {
		unsupported("cast to %v", dt)
	}
	return one(c.castTo(c.input(0), dt))
}

// castLike converts to the type of the second input.
func castLike(c *call) []*tensor.Tensor {
	return one(c.castTo(c.input(0), c.input(1).DType))
}

func (c *call) castTo(x *tensor.Tensor, dt tensor.DType) *tensor.Tensor {
	if x.DType == dt {
		return x
	}
	c.check(x.Shape)
	t := tensor.Abstract(dt, x.Shape...)
	if x.Known() {
		t.Data = castValues(x, dt)
	}
	return t
}

func castValues(x *tensor.Tensor, dt tensor.DType) any {
	if v := castOnce(x, dt); v != nil {
		return v
	}
	switch {
	case isFloat(dt):
		return fromFloats(dt, numbersOf(x))
	case !isFloat(x.DType):
		return fromInts(dt, intsOf(x))
	}
	v := floatsOf(x)
	out := make([]int64, len(v))
	if dt == tensor.Bool {
		apply(out, v, func(f float64) int64 {
			if f != 0 {
				return 1
			}
			return 0
		})
	} else {
		apply(out, v, toInt)
	}
	return fromInts(dt, out)
}

// castOnce converts without the way through float64: where that would be slow, as
// for weights stored as halves, or would round twice. Elsewhere it returns nil.
func castOnce(x *tensor.Tensor, dt tensor.DType) any {
	switch v := x.Data.(type) {
	case []tensor.Half:
		if dt == tensor.Float32 {
			out := make([]float32, len(v))
			apply(out, v, tensor.Half.Float32)
			return out
		}
	case []float32:
		if dt == tensor.Float16 {
			out := make([]tensor.Half, len(v))
			apply(out, v, tensor.ToHalf)
			return out
		}
	case []int64:
		if dt == tensor.Float32 {
			return convert[float32](v)
		}
	case []uint64:
		if dt == tensor.Float32 {
			return convert[float32](v)
		}
	}
	return nil
}

// bitCast takes the bits of the elements as another type of the same width.
func bitCast(c *call) []*tensor.Tensor {
	x := c.input(0)
	to := tensor.DType(min(max(attr(c, "to", int64(0)), -1), 1<<30))
	if to.Size() == 0 || to == tensor.Bool || x.DType == tensor.Bool {
		unsupported("bits of %v as %v", x.DType, to)
	}
	require(to.Size() == x.DType.Size(), "%v and %v are of different widths", x.DType, to)
	return one(c.result(to, x.Shape, func() any {
		raw := make([]byte, 0, tensor.Len(x.Shape)*to.Size())
		raw, err := binary.Append(raw, binary.LittleEndian, x.Data)
		require(err == nil, "bits of %v: %v", x, err)
		out := zeros(to, tensor.Len(x.Shape))
		_, err = binary.Decode(raw, binary.LittleEndian, out)
		require(err == nil, "bits as %v: %v", to, err)
		return out
	}))
}
