package op

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// f32 is 0.5, 1.5, 2.5 … in a shape.
func f32(shape ...int) *tensor.Tensor {
	v := make([]float32, tensor.Len(shape))
	for i := range v {
		v[i] = float32(i) + 0.5
	}
	return tensor.New(v, shape...)
}

func list[T tensor.Element](v ...T) *tensor.Tensor { return tensor.New(v, len(v)) }

func node(op string, a attrs, outputs ...string) *graph.Node {
	if outputs == nil {
		outputs = []string{"y"}
	}
	return &graph.Node{Op: op, Attrs: a, Inputs: []string{"first", "second", "third"}, Outputs: outputs}
}

func TestNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		what string
		n    *graph.Node
		in   []*tensor.Tensor
		want any
	}{
		{"int8 wraps", node("Add", nil), []*tensor.Tensor{list[int8](100, -100), list[int8](100)}, []int8{-56, 0}},
		{"uint8 wraps", node("Sub", nil), []*tensor.Tensor{list[uint8](3), list[uint8](5)}, []uint8{254}},
		{"int32 divides towards zero", node("Div", nil), []*tensor.Tensor{list[int32](-7, 7), list[int32](2)}, []int32{-3, 3}},
		{"the least int64 over -1", node("Div", nil), []*tensor.Tensor{list[int64](math.MinInt64), list[int64](-1)}, []int64{math.MinInt64}},
		{"uint64 beyond int64", node("Div", nil), []*tensor.Tensor{list[uint64](math.MaxUint64), list[uint64](2)}, []uint64{math.MaxInt64}},
		{"uint64 compares unsigned", node("Less", nil), []*tensor.Tensor{list[uint64](math.MaxUint64), list[uint64](2)}, []bool{false}},
		{"NaN through Max", node("Max", nil), []*tensor.Tensor{list(nan), list[float32](1)}, []float32{nan}},
		{"NaN through Relu", node("Relu", nil), []*tensor.Tensor{list(nan, -1)}, []float32{nan, 0}},
		{"Clip beyond its bounds", node("Clip", nil), []*tensor.Tensor{list[float32](1, 5), tensor.New([]float32{3}), tensor.New([]float32{2})},
			[]float32{2, 2}},
		{"large Softmax", node("Softmax", nil), []*tensor.Tensor{list[float32](1e30, 1e30)}, []float32{0.5, 0.5}},
		{"large Softplus", node("Softplus", nil), []*tensor.Tensor{list[float32](1000, -1000)}, []float32{1000, 0}},
		{"ReduceLogSumExp of -Inf", node("ReduceLogSumExp", nil), []*tensor.Tensor{list(-inf, -inf)}, []float32{-inf}},
		{"Round to even", node("Round", nil), []*tensor.Tensor{list[float32](0.5, 1.5, -2.5)}, []float32{0, 2, float32(math.Copysign(2, -1))}},
		{"Mod of Python", node("Mod", nil), []*tensor.Tensor{list[int32](-7), list[int32](3)}, []int32{2}},
		{"negative powers", node("Pow", nil), []*tensor.Tensor{list[int32](-1, 2, 1), list[int32](-3)}, []int32{-1, 0, 1}},
		{"to int64", node("Cast", attrs{"to": int64(7)}), []*tensor.Tensor{list(nan, 1e30, -1e30, -1.9)}, []int64{0, math.MaxInt64, math.MinInt64, -1}},
		{"to uint8", node("Cast", attrs{"to": int64(2)}), []*tensor.Tensor{list[float32](300, -1)}, []uint8{44, 255}},
		{"to bool", node("Cast", attrs{"to": int64(9)}), []*tensor.Tensor{list(nan, 0, 0.1)}, []bool{true, false, true}},
		{"int64 to float32 in one step", node("Cast", attrs{"to": int64(1)}), []*tensor.Tensor{list[int64](1<<54 + 1<<30 + 1)}, []float32{1<<54 + 1<<31}},
		{"QuantizeLinear saturates", node("QuantizeLinear", nil),
			[]*tensor.Tensor{list[float32](1e30, -1e30, 0.5, 1.5, nan), tensor.New([]float32{1}), tensor.New([]int8{0})}, []int8{127, -128, 0, 2, 0}},
		{"a window of padding alone", node("AveragePool", attrs{"kernel_shape": []int64{1}, "pads": []int64{1, 1}}), []*tensor.Tensor{f32(1, 1, 1)},
			[]float32{0, 0.5, 0}},
	} {
		got := mustEval(t, c.n, c.in...)[0].Data
		if !same(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// same is DeepEqual but for NaN, which equals itself.
func same(a, b any) bool {
	x, ok := a.([]float32)
	y, ok2 := b.([]float32)
	if !ok || !ok2 {
		return reflect.DeepEqual(a, b)
	}
	return slices.EqualFunc(x, y, func(p, q float32) bool { return p == q || p != p && q != q })
}

func mustEval(t *testing.T, n *graph.Node, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := Eval(n, 21, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		n    *graph.Node
		in   []*tensor.Tensor
		want []int
	}{
		{node("Add", nil), []*tensor.Tensor{f32(), f32()}, []int{}},
		{node("Add", nil), []*tensor.Tensor{f32(0, 3), f32(1)}, []int{0, 3}},
		{node("Add", nil), []*tensor.Tensor{f32(2, 1, 3), f32(4, 1)}, []int{2, 4, 3}},
		{node("MatMul", nil), []*tensor.Tensor{f32(3), f32(3)}, []int{}},
		{node("MatMul", nil), []*tensor.Tensor{f32(2, 0), f32(0, 3)}, []int{2, 3}},
		{node("MatMul", nil), []*tensor.Tensor{f32(5, 1, 2, 3), f32(4, 3, 6)}, []int{5, 4, 2, 6}},
		{node("Conv", nil), []*tensor.Tensor{f32(0, 2, 5), f32(4, 2, 3)}, []int{0, 4, 3}},
		{node("ReduceSum", nil), []*tensor.Tensor{f32(2, 0, 3), list[int64](1)}, []int{2, 1, 3}},
		{node("ReduceSum", attrs{"keepdims": int64(0)}), []*tensor.Tensor{f32(2, 3), list[int64](-1, -2)}, []int{}},
		{node("Flatten", attrs{"axis": int64(-1)}), []*tensor.Tensor{f32(2, 3, 4)}, []int{6, 4}},
		{node("Flatten", attrs{"axis": int64(0)}), []*tensor.Tensor{f32()}, []int{1, 1}},
		{node("Reshape", nil), []*tensor.Tensor{f32(0, 3), list[int64](-1, 3)}, []int{0, 3}},
		{node("Squeeze", nil), []*tensor.Tensor{f32(1, 2, 1)}, []int{2}},
		{node("Unsqueeze", nil), []*tensor.Tensor{f32(2), list[int64](-1, 0)}, []int{1, 2, 1}},
		{node("Gather", attrs{"axis": int64(-1)}), []*tensor.Tensor{f32(2, 3), tensor.New([]int64{1})}, []int{2}},
		{node("Concat", attrs{"axis": int64(-2)}), []*tensor.Tensor{f32(0, 3), f32(2, 3)}, []int{2, 3}},
		{node("Slice", nil), []*tensor.Tensor{f32(5), list[int64](math.MinInt64), list[int64](math.MaxInt64), list[int64](0),
			list[int64](math.MaxInt64)}, []int{1}},
		{node("Slice", nil), []*tensor.Tensor{f32(5), list[int64](math.MaxInt64), list[int64](math.MinInt64), list[int64](0), list[int64](-2)}, []int{3}},
		{node("Shape", attrs{"start": int64(-2)}), []*tensor.Tensor{tensor.Abstract(tensor.Float32, 4, 5, 6)}, []int{2}},
		{node("Softmax", nil), []*tensor.Tensor{f32()}, []int{}},
		{node("NonZero", nil), []*tensor.Tensor{f32()}, []int{0, 1}},
		{node("Tile", nil), []*tensor.Tensor{f32(2, 3), list[int64](0, 2)}, []int{0, 6}},
	} {
		if got := mustEval(t, c.n, c.in...)[0]; !slices.Equal(got.Shape, c.want) {
			t.Errorf("%s %v of %v: shape %v, want %v", c.n.Op, c.n.Attrs, c.in, got.Shape, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	big := tensor.Abstract(tensor.Float32, 1<<20, 1<<20)
	loop := node("Loop", nil)
	foreign := node("Conv", nil)
	foreign.Domain = "org.example"
	masked := node("Attention", attrs{"num_heads": int64(1)})
	masked.Domain = "com.microsoft"
	masked.Inputs = []string{"x", "w", "b", "mask"}
	for _, c := range []struct {
		n    *graph.Node
		in   []*tensor.Tensor
		is   error
		text string
	}{
		{node("Frobnicate", nil), nil, ErrUnsupported, `Frobnicate "y": unsupported operator`},
		{loop, nil, ErrUnsupported, "unrolled"},
		{foreign, nil, ErrUnsupported, `domain "org.example" is not known`},
		{masked, []*tensor.Tensor{f32(2, 3, 4), f32(4, 12), f32(12), tensor.New(make([]int32, 8), 8)}, ErrUnsupported, "a mask of shape [8]"},
		{masked, []*tensor.Tensor{f32(2, 3, 4), f32(4, 12), f32(12), f32(2)}, nil, "mask float32 [2]"},
		{node("Add", nil), []*tensor.Tensor{f32(2), f32(3)}, nil, `Add "y": shapes [[2] [3]] do not broadcast`},
		{node("Add", nil), []*tensor.Tensor{f32(2), list[int64](1, 2)}, nil, "types float32 and int64"},
		{node("Add", nil), []*tensor.Tensor{f32(2)}, nil, "input 1 is missing"},
		{node("Div", nil), []*tensor.Tensor{list[int32](1), list[int32](0)}, nil, "division by zero"},
		{node("Softmax", attrs{"axis": int64(4)}), []*tensor.Tensor{f32(2, 3)}, nil, "axis 4 of 2 dimensions does not exist"},
		{node("Softmax", attrs{"axis": "last"}), []*tensor.Tensor{f32(2, 3)}, nil, `attribute "axis" is of type string instead of int64`},
		{node("Conv", attrs{"group": int64(0)}), []*tensor.Tensor{f32(1, 2, 5), f32(4, 2, 3)}, nil, "0 groups"},
		{node("MaxPool", attrs{"kernel_shape": []int64{9}}), []*tensor.Tensor{f32(1, 2, 5)}, nil, "the kernel is larger than the padded input: 9 against 5"},
		{node("AveragePool", attrs{"kernel_shape": []int64{math.MaxInt32}, "pads": []int64{math.MaxInt32, math.MaxInt32}}),
			[]*tensor.Tensor{f32(1, 2, 5)}, ErrLimit, "beyond the limit"},
		{node("MatMul", nil), []*tensor.Tensor{f32(0, 1<<20), f32(1<<20, 0)}, nil, ""},
		{node("Gemm", nil), []*tensor.Tensor{big, big}, ErrLimit, "input 0"},
		{node("Expand", nil), []*tensor.Tensor{f32(1), list[int64](1<<30, 1<<30)}, ErrLimit, "[1073741824 1073741824]"},
		{node("ConstantOfShape", nil), []*tensor.Tensor{list[int64](0, 1<<30, 1<<30)}, ErrLimit, ""},
		{node("Range", nil), []*tensor.Tensor{tensor.New([]int64{math.MinInt64}), tensor.New([]int64{math.MaxInt64}), tensor.New([]int64{1})}, ErrLimit, ""},
		{node("Reshape", nil), []*tensor.Tensor{f32(4), tensor.Abstract(tensor.Int64, 2)}, ErrNeedsValue, `input 1 "second"`},
		{node("Reshape", nil), []*tensor.Tensor{f32(4), list[int64](-1, 3)}, nil, "does not divide the 4 elements"},
		{node("Dropout", nil), []*tensor.Tensor{f32(4), f32(), tensor.New([]bool{true})}, ErrUnsupported, "training mode"},
		{node("Relu", nil, "y", "z"), []*tensor.Tensor{f32(4)}, nil, "1 outputs, the node names 2"},
		{node("Gather", nil), []*tensor.Tensor{f32(4), list[int64](4)}, nil, "index 4 of 4 elements"},
		{node("Cast", attrs{"to": int64(16)}), []*tensor.Tensor{f32(4)}, ErrUnsupported, "onnx type 16"},
	} {
		_, err := Eval(c.n, 21, c.in)
		if c.text == "" && c.is == nil {
			if err != nil {
				t.Errorf("%s: %v", c.n.Op, err)
			}
			continue
		}
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s %v: error %v, want one with %q", c.n.Op, c.n.Attrs, err, c.text)
		}
	}
}

// Without values there are types and shapes, and a Shape has values all the same.
func TestAbstractInputs(t *testing.T) {
	x := tensor.Abstract(tensor.Float16, 1, 3, 224, 224)
	w := tensor.Abstract(tensor.Float16, 8, 3, 3, 3)
	y := mustEval(t, node("Conv", attrs{"auto_pad": "SAME_UPPER", "strides": []int64{2, 2}}), x, w)[0]
	if y.Known() || y.String() != "float16 [1 8 112 112]" {
		t.Errorf("Conv: %v", y)
	}
	s := mustEval(t, node("Shape", nil), y)[0]
	if !s.Known() || !slices.Equal(tensor.Values[int64](s), []int64{1, 8, 112, 112}) {
		t.Errorf("Shape: %v %v", s, s.Data)
	}
}

// Every float64 goes to the half that is nearest, ties to even, however close it
// lies to the middle of two.
func TestHalvesAreRoundedOnce(t *testing.T) {
	for i := range 0x7bff {
		lo, hi := float64(tensor.Half(i).Float32()), float64(tensor.Half(i+1).Float32())
		mid := (lo + hi) / 2
		for x, want := range map[float64]tensor.Half{
			mid: tensor.Half(i + i&1), math.Nextafter(mid, 0): tensor.Half(i), math.Nextafter(mid, 1e9): tensor.Half(i + 1),
		} {
			if got := toHalf(x); got != want {
				t.Fatalf("%v: %#x, want %#x", x, got, want)
			}
			if got := toHalf(-x); got != want|0x8000 {
				t.Fatalf("%v: %#x, want %#x", -x, got, want|0x8000)
			}
		}
	}
	if got := toHalf(1e300); got != 0x7c00 {
		t.Errorf("1e300: %#x", got)
	}
	if got := toHalf(math.NaN()).Float32(); got == got {
		t.Errorf("NaN: %v", got)
	}
}
