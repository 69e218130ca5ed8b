package onnx_test

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
)

func parse(t testing.TB, data []byte) *graph.Graph {
	t.Helper()
	g, err := onnx.Parse(data, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// refused checks that a model gives an error of the given kind that holds text.
func refused(t testing.TB, data []byte, opt onnx.Options, kind error, text string) {
	t.Helper()
	g, err := onnx.Parse(data, opt)
	if g != nil || !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("got graph %v and error %v, want %q with %q", g != nil, err, kind, text)
	}
}

// small builds a model with a bit of everything that classifiers have.
func small() *onnxtest.Model {
	m := onnxtest.New(17).Opset("com.example", 2).Meta("preprocess", "unit").Meta("license", "none")
	m.ProducerVersion = "1.2"
	x := m.Input("x", tensor.Float32, "N", 3, -1, 8)
	w := m.Rand("w", 1, 4, 3, 1, 1)
	m.Node(onnxtest.Node{Name: "stem", Op: "Conv", Inputs: []string{x, w}, Outputs: []string{"c"},
		Attrs: onnxtest.Attrs{"strides": []int{2, 2}, "auto_pad": "SAME_UPPER", "group": 1}})
	s := m.Ints("sizes", 0, -1)
	parts := m.Ops("Split", 2, []string{"c", ""}, onnxtest.Attrs{"axis": -3, "num_outputs": 2})
	m.Node(onnxtest.Node{Op: "Dropout", Inputs: []string{parts[0]}, Outputs: []string{"d", ""}})
	sum := m.Op("Add", []string{"d", "d"}, nil)
	m.Node(onnxtest.Node{Op: "Odd", Domain: "com.example", Inputs: []string{sum, parts[1]}, Outputs: []string{"o"},
		Attrs: onnxtest.Attrs{"f": 0.5, "fs": []float32{1, -2}, "ss": []string{"a", "", "\xff"}, "none": []int{}}})
	m.Output(m.As("y", "Reshape", []string{"o", s}, nil), "c")
	return m
}

func TestParse(t *testing.T) {
	got := parse(t, small().Bytes())
	want := &graph.Graph{
		Name:     "main",
		Inputs:   []graph.Input{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Symbol: "N"}, {Size: 3}, {Symbol: "?"}, {Size: 8}}}},
		Outputs:  []graph.Output{{Name: "y"}, {Name: "c"}},
		Opsets:   map[string]int64{"": 17, "com.example": 2},
		Metadata: map[string]string{"preprocess": "unit", "license": "none"},
		Producer: "onnxtest 1.2",
		Nodes: []*graph.Node{
			{Name: "stem", Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"},
				Attrs: map[string]graph.Attr{"strides": []int64{2, 2}, "auto_pad": "SAME_UPPER", "group": int64(1)}},
			{Op: "Split", Inputs: []string{"c", ""}, Outputs: []string{"split_1", "split_2"},
				Attrs: map[string]graph.Attr{"axis": int64(-3), "num_outputs": int64(2)}},
			{Op: "Dropout", Inputs: []string{"split_1"}, Outputs: []string{"d", ""}, Attrs: map[string]graph.Attr{}},
			{Op: "Add", Inputs: []string{"d", "d"}, Outputs: []string{"add_3"}, Attrs: map[string]graph.Attr{}},
			{Op: "Odd", Domain: "com.example", Inputs: []string{"add_3", "split_2"}, Outputs: []string{"o"},
				Attrs: map[string]graph.Attr{"f": float32(0.5), "fs": []float32{1, -2}, "ss": []string{"a", "", "\xff"}, "none": []int64(nil)}},
			{Op: "Reshape", Inputs: []string{"o", "sizes"}, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{}},
		},
		Initializers: map[string]*tensor.Tensor{
			"w":     tensor.New(tensor.Values[float32](got.Initializers["w"]), 4, 3, 1, 1),
			"sizes": tensor.New([]int64{0, -1}, 2),
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestInputsAndOutputs(t *testing.T) {
	m := onnxtest.New(13)
	x := m.Input("x", tensor.Float16, 0, 2)
	m.InputNoShape("any", tensor.Float32)
	m.Input("scalar", tensor.Int64)
	m.Output(x) // a result that is an input
	m.Output(m.Floats("k", []float32{1}))
	m.As("unused", "Relu", []string{x}, nil)
	g := parse(t, m.Bytes())
	want := []graph.Input{
		{Name: "x", DType: tensor.Float16, Dims: []graph.Dim{{}, {Size: 2}}},
		{Name: "any", DType: tensor.Float32},
		{Name: "scalar", DType: tensor.Int64, Dims: []graph.Dim{}},
	}
	if d := cmp.Diff(want, g.Inputs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]graph.Output{{Name: "x"}, {Name: "k"}}, g.Outputs); d != "" {
		t.Error(d)
	}
}

// Before version 4 of the format, initializers were listed as inputs.
func TestInitializersListedAsInputs(t *testing.T) {
	m := small()
	m.IR = 3
	g := parse(t, m.Bytes())
	if len(g.Inputs) != 1 || g.Inputs[0].Name != "x" {
		t.Errorf("inputs %v, want x alone", g.Inputs)
	}
}

// Before version 3 of the format there was one operator set, and before version 2
// attributes did not say what they hold.
func TestFirstVersionsOfTheFormat(t *testing.T) {
	n := onnxtest.Message{}.Text(1, "x").Text(2, "y").Text(4, "Odd")
	tv := onnxtest.Tensor("", tensor.New([]int64{5}, 1))
	for _, a := range []onnxtest.Message{
		onnxtest.Message{}.Text(1, "i").Varint(3, 7),
		onnxtest.Message{}.Text(1, "f").Float(2, 0.5),
		onnxtest.Message{}.Text(1, "s").Text(4, "text"),
		onnxtest.Message{}.Text(1, "is").Bytes(8, onnxtest.Packed(1, -2, 3)),
		onnxtest.Message{}.Text(1, "fs").Float(7, 1).Float(7, 2),
		onnxtest.Message{}.Text(1, "ss").Text(9, "a"),
		onnxtest.Message{}.Text(1, "t").Bytes(5, tv),
	} {
		n = n.Bytes(5, a)
	}
	g := onnxtest.Message{}.Bytes(1, n).Bytes(11, onnxtest.ValueInfo("x", tensor.Float32, 1)).Bytes(12, onnxtest.ValueInfo("y", tensor.Float32, 1))
	got := parse(t, onnxtest.Message{}.Varint(1, 1).Bytes(7, g))
	want := map[string]graph.Attr{"i": int64(7), "f": float32(0.5), "s": "text", "is": []int64{1, -2, 3},
		"fs": []float32{1, 2}, "ss": []string{"a"}, "t": tensor.New([]int64{5}, 1)}
	if d := cmp.Diff(want, got.Nodes[0].Attrs); d != "" {
		t.Error(d)
	}
	if got.Opsets[""] != 1 {
		t.Errorf("opsets %v, want version 1", got.Opsets)
	}
}

// A value that the format's default stands for need not be written, and some
// writers put a zero in every field of another kind.
func TestAttributesWithDefaultsLeftOutOrWrittenOut(t *testing.T) {
	m := onnxtest.New(13)
	m.Node(onnxtest.Node{Op: "Odd", Inputs: []string{m.Input("x", tensor.Float32)}, Outputs: []string{"y"}, RawAttrs: []onnxtest.Message{
		onnxtest.Message{}.Text(1, "i").Varint(20, 2),
		onnxtest.Message{}.Text(1, "s").Varint(20, 3),
		onnxtest.Message{}.Text(1, "fs").Varint(20, 6),
		onnxtest.Message{}.Text(1, "is").Float(2, 0).Varint(3, 0).Text(4, "").Varint(8, 9).Varint(20, 7),
	}})
	m.Output("y")
	want := map[string]graph.Attr{"i": int64(0), "s": "", "fs": []float32(nil), "is": []int64{9}}
	if d := cmp.Diff(want, parse(t, m.Bytes()).Nodes[0].Attrs); d != "" {
		t.Error(d)
	}
}

// Weights lie in the file: where aligned they are used there, else copied once.
func TestWeightsStayInTheFile(t *testing.T) {
	data := small().Bytes()
	for shift := range 8 {
		buf := make([]byte, shift+len(data))
		copy(buf[shift:], data)
		file := buf[shift:]
		w := tensor.Values[float32](parse(t, file).Initializers["w"])
		raw := uintptr(unsafe.Pointer(&w[0])) - uintptr(unsafe.Pointer(&file[0]))
		inside := raw < uintptr(len(file))
		at := strings.Index(string(file), string(onnxtest.Raw(tensor.New(w, len(w)))))
		if at < 0 {
			t.Fatal("weights not found in the file")
		}
		aligned := (uintptr(unsafe.Pointer(&file[0]))+uintptr(at))%4 == 0
		if inside != aligned {
			t.Errorf("shifted by %d: weights in the file: %v, aligned there: %v", shift, inside, aligned)
		}
	}
}
