package nodetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"featstore/extract/internal/tensor"

	"github.com/sbinet/npyio/npy"
)

// ReadNPY reads an array in NumPy's format, little-endian and in C order.
func ReadNPY(folder fs.FS, file string) (*tensor.Tensor, error) {
	f, err := folder.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := npy.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	d := r.Header.Descr
	if d.Fortran {
		return nil, fmt.Errorf("read %s: an array in Fortran order", file)
	}
	t, err := readValues(f, d.Type, append([]int{}, d.Shape...))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return t, nil
}

func readValues(r io.Reader, descr string, shape []int) (*tensor.Tensor, error) {
	switch descr {
	case "<f2":
		return read[tensor.Half](r, shape)
	case "<f4":
		return read[float32](r, shape)
	case "<f8":
		return read[float64](r, shape)
	case "|i1":
		return read[int8](r, shape)
	case "|u1":
		return read[uint8](r, shape)
	case "<i2":
		return read[int16](r, shape)
	case "<u2":
		return read[uint16](r, shape)
	case "<i4":
		return read[int32](r, shape)
	case "<u4":
		return read[uint32](r, shape)
	case "<i8":
		return read[int64](r, shape)
	case "<u8":
		return read[uint64](r, shape)
	case "|b1":
		return read[bool](r, shape)
	}
	return nil, fmt.Errorf("elements of type %q", descr)
}

func read[T tensor.Element](r io.Reader, shape []int) (*tensor.Tensor, error) {
	v := make([]T, tensor.Len(shape))
	if err := binary.Read(r, binary.LittleEndian, v); err != nil && len(v) > 0 {
		return nil, err
	}
	return tensor.New(v, shape...), nil
}

// Compare reports how got differs from want: in type, in shape, or by more than
// 1e-5 + 1e-3·|want| in some element. NaN equals NaN; bools must be equal.
func Compare(got, want *tensor.Tensor) error {
	if got == nil || !got.Known() || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	g, w := Floats(got), Floats(want)
	for i := range w {
		same := g[i] == w[i] || g[i] != g[i] && w[i] != w[i] ||
			!math.IsInf(w[i], 0) && math.Abs(g[i]-w[i]) <= 1e-5+1e-3*math.Abs(w[i])
		if !same || got.DType == tensor.Bool && g[i] != w[i] {
			return fmt.Errorf("element %d of %v: got %v, want %v", i, want, g[i], w[i])
		}
	}
	return nil
}

// Floats returns the values of a tensor of any type.
func Floats(t *tensor.Tensor) []float64 {
	switch v := t.Data.(type) {
	case []float32:
		return widen(v)
	case []float64:
		return v
	case []int8:
		return widen(v)
	case []uint8:
		return widen(v)
	case []int16:
		return widen(v)
	case []uint16:
		return widen(v)
	case []int32:
		return widen(v)
	case []uint32:
		return widen(v)
	case []int64:
		return widen(v)
	case []uint64:
		return widen(v)
	case []tensor.Half:
		out := make([]float64, len(v))
		for i, h := range v {
			out[i] = float64(h.Float32())
		}
		return out
	case []bool:
		out := make([]float64, len(v))
		for i, b := range v {
			if b {
				out[i] = 1
			}
		}
		return out
	}
	panic(fmt.Sprintf("nodetest: no values in %v", t))
}

func widen[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
