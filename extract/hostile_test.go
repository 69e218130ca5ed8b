package extract

import (
	"context"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// photoModel begins a network for photos of 8×8.
func photoModel() (*onnxtest.Model, string) {
	b := onnxtest.New(13)
	return b, b.Input("input", tensor.Float32, 1, 3, 8, 8)
}

// Small files that would take hours or all memory are refused before they do; long
// ones that are sound take their time, but not its square.
func TestHostileNetworks(t *testing.T) {
	long := 20000
	if testing.Short() {
		long = 2000
	}
	toLast := onnxtest.Attrs{"perm": []int{0, 2, 3, 1}}
	for name, c := range map[string]struct {
		want  string // of the error, "" for none
		model func(b *onnxtest.Model, x string) string
	}{
		"products of constants": {"steps to compute constants: beyond the limit", func(b *onnxtest.Model, x string) string {
			m := b.Op("ConstantOfShape", []string{b.Ints("", 4000, 4000)}, nil)
			for range 4 {
				m = b.Op("MatMul", []string{m, m}, nil)
			}
			return b.Op("Add", []string{x, b.Op("ReduceMean", []string{m}, nil)}, nil)
		}},
		"constants of gigabytes": {"beyond the limit", func(b *onnxtest.Model, x string) string {
			for range 9 {
				m := b.Op("ConstantOfShape", []string{b.Ints("", 1<<13, 1<<14)}, nil)
				x = b.Op("Add", []string{x, b.Op("ReduceMean", []string{m}, nil)}, nil)
			}
			return x
		}},
		"activations of gigabytes": {"its activations take 7507 MB, at most 4096 are allowed: beyond the limit", func(b *onnxtest.Model, x string) string {
			var parts []string
			for range 40 {
				y := b.Op("Relu", []string{x}, nil)
				parts = append(parts, b.Op("Expand", []string{y, b.Ints("", 250000, 3, 8, 8)}, nil))
			}
			return b.Op("ReduceMean", []string{b.Op("Sum", parts, nil)}, onnxtest.Attrs{"axes": []int{0}})
		}},
		"long": {"", func(b *onnxtest.Model, x string) string {
			x = b.Op("Transpose", []string{x}, toLast)
			for range long {
				x = b.Op("Relu", []string{x}, nil)
			}
			return x
		}},
		"long, with many readers": {"", func(b *onnxtest.Model, x string) string {
			first := b.Op("Transpose", []string{x}, toLast)
			for x = first; long > 0; long-- {
				x = b.Op("Add", []string{x, first}, nil)
			}
			return x
		}},
		"long, to and fro": {"", func(b *onnxtest.Model, x string) string {
			for i := range 10000 {
				x = b.Op("Transpose", []string{x}, toLast)
				if i%3 == 0 {
					x = b.Op("Sin", []string{x}, nil)
				}
			}
			return x
		}},
	} {
		b, x := photoModel()
		b.Output(b.As("features", "Identity", []string{c.model(b, x)}, nil))
		m, err := readMemory(b.Bytes(), nil, DefaultModelLimits())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = m.network(request(t, "raw,tap=features"))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if r := m.Inspect(request(t, "raw,tap=features")); (r.Err == nil) != (c.want == "") {
			t.Errorf("%s: inspected: %v", name, r.Err)
		}
	}
}

func TestModelLimits(t *testing.T) {
	v, err := zoo.Find("resnext50-dynamo")
	if err != nil {
		t.Fatal(err)
	}
	path := writeZoo(t, v.Small())
	for want, l := range map[string]ModelLimits{
		"at most 1000 are allowed": {File: 1000},
		"more than 20 nodes":       {Nodes: 20},
		"external weights: ":       {Weights: 5000},
		"activations take":         {Arena: 10},
		"":                         {},
	} {
		m, err := l.OpenModel(path)
		if err == nil {
			_, err = m.Network(request(t, "imagenet"))
		}
		if want == "" && err == nil {
			continue
		}
		if want == "" || err == nil || !strings.Contains(err.Error(), want) || !Exceeded(err) {
			t.Errorf("%+v: got %v, want %q, and it to be of a limit exceeded", l, err, want)
		}
	}
	pipe := filepath.Join(filepath.Dir(path), "model.onnx.data")
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(pipe, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenModel(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("weights in a folder: %v", err)
	}
}

// FuzzNetwork takes any bytes the whole way: read, decided, planned, inspected, run.
func FuzzNetwork(f *testing.F) {
	for _, dims := range [][]any{{"N", 3, "H", "W"}, {1, 3, 8, 8}, {-1, -1, -1, -1}} {
		f.Add(convModel(tensor.Float32, 3, nil, dims...).Bytes(), "raw,size=8")
	}
	f.Add(convModel(tensor.Uint8, 3, []int{0, 3, 1, 2}, 1, 8, 8, 3).Bytes(), "raw,layout=nhwc,pool=max")
	for _, name := range []string{"mobilenetv3small-dynamo", "swint-dynamo", "resnet18-qdq", "googlenet-caffe", "mixerb16-functions", "vitb16-keras"} {
		v, err := zoo.Find(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v.Build(zoo.Config{Size: 32, Width: 1. / 64, Repeat: 1, Classes: 2}).Data, "inception,size=32")
	}
	stripes := picture(f, color.White, 9)
	limits := ModelLimits{Nodes: 5000, Weights: 1 << 20, Arena: 1 << 20}.withDefaults()
	f.Fuzz(func(t *testing.T, data []byte, list string) {
		var w Manifest
		if len(list) > 200 || w.SetAll(list) != nil {
			return
		}
		if w.Preprocess.Width > 64 || w.Preprocess.Height > 64 {
			return
		}
		m, err := readMemory(data, nil, limits)
		if err != nil {
			return
		}
		r := m.Inspect(w)
		n, err := m.network(w)
		if (err == nil) != (r.Err == nil) {
			t.Errorf("made: %v, inspected: %v", err, r.Err)
		}
		if err != nil || r.Plan.MACs > 1e8 || n.info.Preprocess.Len() > 1<<16 {
			return
		}
		x, err := n.NewExtractor()
		if err != nil {
			t.Fatal(err)
		}
		err = x.ExtractBytes(context.Background(), stripes, make([]float32, n.info.Dim)) // may fail, by what depends on values
		if err != nil && strings.Contains(err.Error(), "bug") {
			t.Error(err)
		}
	})
}
