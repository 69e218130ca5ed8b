package onnx_test

import (
	"fmt"
	"math"
	"testing"
	"testing/fstest"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// withInit returns a model with one more initializer.
func withInit(name string, t onnxtest.Message) *onnxtest.Model {
	m := onnxtest.New(13)
	m.RawInit(name, t)
	m.Output(m.Op("Relu", []string{m.Input("x", tensor.Float32, 1)}, nil))
	return m
}

func drawTensor(t *rapid.T) *tensor.Tensor {
	shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
	n := tensor.Len(shape)
	switch rapid.IntRange(0, 11).Draw(t, "type") {
	case 0:
		return tensor.New(rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "values"), shape...)
	case 1:
		return tensor.New(rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "values"), shape...)
	case 2:
		u := rapid.SliceOfN(rapid.Uint16(), n, n).Draw(t, "values")
		h := make([]tensor.Half, n)
		for i := range u {
			h[i] = tensor.Half(u[i])
		}
		return tensor.New(h, shape...)
	case 3:
		return tensor.New(rapid.SliceOfN(rapid.Int8(), n, n).Draw(t, "values"), shape...)
	case 4:
		return tensor.New(rapid.SliceOfN(rapid.Uint8(), n, n).Draw(t, "values"), shape...)
	case 5:
		return tensor.New(rapid.SliceOfN(rapid.Int16(), n, n).Draw(t, "values"), shape...)
	case 6:
		return tensor.New(rapid.SliceOfN(rapid.Uint16(), n, n).Draw(t, "values"), shape...)
	case 7:
		return tensor.New(rapid.SliceOfN(rapid.Int32(), n, n).Draw(t, "values"), shape...)
	case 8:
		return tensor.New(rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "values"), shape...)
	case 9:
		return tensor.New(rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "values"), shape...)
	case 10:
		return tensor.New(rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, "values"), shape...)
	}
	return tensor.New(rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "values"), shape...)
}

// Every tensor comes back from each of the three places that its values can be in,
// and from an attribute.
func TestTensorsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTensor(t)
		raw := onnxtest.Raw(want)
		gap := rapid.IntRange(0, 9).Draw(t, "gap")
		opt := onnx.Options{External: fstest.MapFS{"w.bin": {Data: append(make([]byte, gap), raw...)}}}
		m := withInit("raw", onnxtest.Tensor("raw", want))
		m.RawInit("typed", onnxtest.Typed("typed", want))
		m.RawInit("external", onnxtest.External("external", want.DType, want.Shape, "w.bin", gap, len(raw)))
		m.As("const", "Constant", nil, onnxtest.Attrs{"value": want})
		g, err := onnx.Parse(m.Bytes(), opt)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]*tensor.Tensor{"attribute": g.Nodes[1].Tensor("value")}
		for _, name := range []string{"raw", "typed", "external"} {
			got[name] = g.Initializers[name]
		}
		for name, v := range got {
			if v.DType != want.DType || tensor.Len(v.Shape) != tensor.Len(want.Shape) || !cmp.Equal(onnxtest.Raw(v), raw) {
				t.Errorf("%s: %v with %x, want %v with %x", name, v, onnxtest.Raw(v), want, raw)
			}
			if fmt.Sprint(v.Shape) != fmt.Sprint(want.Shape) {
				t.Errorf("%s: shape %v, want %v", name, v.Shape, want.Shape)
			}
		}
	})
}

// Typed values may also come one field each.
func TestTypedValuesUnpacked(t *testing.T) {
	f := onnxtest.Header("f", tensor.Float32, 3).Float(4, 1).Float(4, -2).Float(4, 3)
	i := onnxtest.Header("i", tensor.Int8, 2).Varint(5, -7).Bytes(5, onnxtest.Packed(8))
	d := onnxtest.Header("d", tensor.Float64, 1).Double(10, math.Pi)
	m := withInit("f", f)
	m.RawInit("i", i)
	m.RawInit("d", d)
	g := parse(t, m.Bytes())
	for name, want := range map[string]*tensor.Tensor{
		"f": tensor.New([]float32{1, -2, 3}, 3), "i": tensor.New([]int8{-7, 8}, 2), "d": tensor.New([]float64{math.Pi}, 1),
	} {
		if d := cmp.Diff(want, g.Initializers[name]); d != "" {
			t.Error(name, d)
		}
	}
}

// A bool is true for any byte but 0.
func TestBoolsAreBools(t *testing.T) {
	g := parse(t, withInit("b", onnxtest.Header("b", tensor.Bool, 4).Bytes(9, []byte{0, 1, 2, 255})).Bytes())
	if d := cmp.Diff([]bool{false, true, true, true}, tensor.Values[bool](g.Initializers["b"])); d != "" {
		t.Error(d)
	}
}

// Types without a Go form are carried along without their values.
func TestTypesWithoutValues(t *testing.T) {
	text := onnxtest.Header("text", 8, 2).Text(6, "daisy").Text(6, "rose")
	brain := onnxtest.Header("brain", 16, 3).Bytes(9, make([]byte, 6))
	m := withInit("text", text)
	m.RawInit("brain", brain)
	g := parse(t, m.Bytes())
	if v := g.Initializers["text"]; v.Known() || v.DType != 8 || v.Shape[0] != 2 {
		t.Errorf("text: %v", v)
	}
	if v := g.Initializers["brain"]; v.Known() || v.DType != 16 || v.Shape[0] != 3 {
		t.Errorf("brain: %v", v)
	}
}

func TestDamagedTensors(t *testing.T) {
	f32, i64 := tensor.Float32, tensor.Int64
	raw := func(n int) []byte { return make([]byte, n) }
	for _, c := range []struct {
		name string
		msg  onnxtest.Message
		kind error
		text string
	}{
		{"too little data", onnxtest.Header("w", f32, 2).Bytes(9, raw(4)), onnx.ErrCorrupt, "shape [2] of float32 takes 8 bytes, 4 are there"},
		{"too much data", onnxtest.Header("w", f32, 1).Bytes(9, raw(8)), onnx.ErrCorrupt, "takes 4 bytes, 8 are there"},
		{"half a value", onnxtest.Header("w", f32, 1).Bytes(9, raw(5)), onnx.ErrCorrupt, "takes 4 bytes, 5 are there"},
		{"no data", onnxtest.Header("w", f32, 3), onnx.ErrCorrupt, "takes 12 bytes, 0 are there"},
		{"data for nothing", onnxtest.Header("w", f32, 0).Bytes(9, raw(4)), onnx.ErrCorrupt, "takes 0 bytes, 4 are there"},
		{"negative dimension", onnxtest.Header("w", f32, -1).Bytes(9, raw(4)), onnx.ErrCorrupt, "dimension -1"},
		{"huge dimension", onnxtest.Header("w", f32).Varint(1, 1<<40), onnx.ErrCorrupt, "out of all proportion"},
		{"overflowing shape", onnxtest.Header("w", f32, 1<<30, 1<<30, 1<<30).Bytes(9, raw(4)), onnx.ErrTooLarge, "1073741824"},
		{"overflow that wraps to 0", onnxtest.Header("w", f32, 1<<16, 1<<16, 1<<16, 1<<16), onnx.ErrTooLarge, "65536"},
		{"many dimensions", onnxtest.Header("w", f32, make([]int, 100)...), onnx.ErrCorrupt, "more than 64 dimensions"},
		{"no type", onnxtest.Header("w", 0, 1).Bytes(9, raw(4)), onnx.ErrCorrupt, "no element type"},
		{"negative type", onnxtest.Header("w", -3, 1).Bytes(9, raw(4)), onnx.ErrCorrupt, "no element type"},
		{"type beyond 32 bits", onnxtest.Message{}.Varint(2, 1<<40|1).Text(8, "w").Bytes(9, raw(4)), onnx.ErrCorrupt, "element type"},
		{"raw and typed", onnxtest.Header("w", f32).Bytes(9, raw(4)).Float(4, 1), onnx.ErrCorrupt, "both in raw and in typed"},
		{"raw twice", onnxtest.Header("w", f32).Bytes(9, raw(4)).Bytes(9, raw(4)), onnx.ErrCorrupt, "raw data given twice"},
		{"floats in ints", onnxtest.Header("w", f32).Varint(7, 1), onnx.ErrCorrupt, "does not go with float32"},
		{"too few typed", onnxtest.Header("w", i64, 3).Bytes(7, onnxtest.Packed(1, 2)), onnx.ErrCorrupt, "takes 3 values, 2 are there"},
		{"too many typed", onnxtest.Header("w", i64, 1).Bytes(7, onnxtest.Packed(1, 2)), onnx.ErrCorrupt, "takes 1 values, more are there"},
		{"too many floats", onnxtest.Header("w", f32, 1).Bytes(4, raw(8)), onnx.ErrCorrupt, "takes 1 values, more are there"},
		{"packed floats cut", onnxtest.Header("w", f32, 1).Bytes(4, raw(5)), onnx.ErrCorrupt, "no list of 4-byte numbers"},
		{"packed ints cut", onnxtest.Header("w", i64, 1).Bytes(7, []byte{0x80}), onnx.ErrCorrupt, "list of integers: cut short"},
		{"int8 out of range", onnxtest.Header("w", tensor.Int8, 1).Varint(5, 128), onnx.ErrCorrupt, "value 128 is no int8"},
		{"uint8 out of range", onnxtest.Header("w", tensor.Uint8, 1).Varint(5, -1), onnx.ErrCorrupt, "value -1 is no uint8"},
		{"segments", onnxtest.Header("w", f32, 1).Bytes(9, raw(4)).Bytes(3, nil), onnx.ErrUnsupported, "segments"},
		{"name not UTF-8", onnxtest.Header("w\xff", f32, 1).Bytes(9, raw(4)), onnx.ErrCorrupt, "not UTF-8"},
		{"no name", onnxtest.Header("", f32, 1).Bytes(9, raw(4)), onnx.ErrCorrupt, "no name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, withInit("w", c.msg).Bytes(), onnx.Options{}, c.kind, c.text)
		})
	}
}
