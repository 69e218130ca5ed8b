package onnx_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// roundTrip marshals a graph, parses the bytes and compares.
func roundTrip(t *testing.T, g *graph.Graph) {
	t.Helper()
	data, err := onnx.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Parse(data, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := *g
	want.Producer = "featstore"
	if want.Metadata == nil {
		want.Metadata = map[string]string{}
	}
	if !reflect.DeepEqual(&want, again) {
		t.Errorf("written and read again:\n%.2000s", cmp.Diff(&want, again))
	}
	twice, err := onnx.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if string(twice) != string(data) {
		t.Errorf("%d bytes, written again %d other ones", len(data), len(twice))
	}
}

// TestMarshalKeepsTheZoo: every family of networks survives writing and reading.
func TestMarshalKeepsTheZoo(t *testing.T) {
	for _, v := range zoo.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, g)
		})
	}
}

// TestMarshalKeepsEveryKindOfValue: all types of tensors and attributes.
func TestMarshalKeepsEveryKindOfValue(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := rng.Float32()
	all := map[string]*tensor.Tensor{
		"f32": tensor.New([]float32{x, -1}, 2), "f64": tensor.New([]float64{2.5}), "f16": tensor.New([]tensor.Half{1, 0x3c00}, 2, 1),
		"i8": tensor.New([]int8{-3}), "u8": tensor.New([]uint8{200}), "i16": tensor.New([]int16{-300}), "u16": tensor.New([]uint16{60000}),
		"i32": tensor.New([]int32{-70000}), "u32": tensor.New([]uint32{1 << 31}), "i64": tensor.New([]int64{-1 << 40}), "u64": tensor.New([]uint64{1 << 63}),
		"bool": tensor.New([]bool{true, false}, 2), "empty": tensor.New([]float32{}, 0, 3),
	}
	body := onnxtest.New(17).Body("branch")
	body.As("y", "Constant", nil, onnxtest.Attrs{"value": tensor.New([]float32{1})})
	body.Output("y")
	m := onnxtest.New(17).Meta("key", "value")
	in := m.Input("x", tensor.Float32, "N", 3, -1)
	for name, v := range all {
		m.Init(name, v)
	}
	out := m.Op("Everything", []string{in, "", "f32"}, onnxtest.Attrs{"f": float32(1.5), "i": 7, "s": "text", "t": all["i8"],
		"fs": []float32{1, 2}, "is": []int{-1, 1}, "ss": []string{"a", ""}, "g": body})
	m.Output(out)
	g, err := onnx.Parse(m.Bytes(), onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, g)
	g.Initializers["f32"] = tensor.Abstract(tensor.Float32, 2)
	if _, err := onnx.Marshal(g); err == nil {
		t.Error("a tensor without values was written")
	}
}
