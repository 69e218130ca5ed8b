package onnx_test

import (
	"os"
	"path/filepath"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
)

// shared returns a path in the folder of test material beside the repository.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{"..", "..", "..", "..", "shared"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skip("needs ../shared (test material that is not part of the repository)")
	}
	return p
}

func readShared(t testing.TB, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(shared(t, parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var networks = []struct {
	file                string
	nodes, initializers int
	input               []graph.Dim
	outputs             []graph.Output
}{
	{"efficientnet_lite0_fp16.onnx", 144, 102, symbolic, bottleneckFirst("logits")},
	{"efficientnet_lite1_fp16.onnx", 189, 132, symbolic, bottleneckFirst("logits")},
	{"efficientnet_lite2_fp16.onnx", 189, 132, symbolic, bottleneckFirst("logits")},
	{"mobilenet_v1_0.25_128_quant.onnx", 62, 110, nhwc(128), []graph.Output{{Name: "output"}, {Name: "bottleneck"}}},
	{"mobilenet_v2_1.0_224_quant.onnx", 132, 176, nhwc(224), []graph.Output{{Name: "output"}, {Name: "bottleneck"}}},
	{"nsfwjs_inception_v3.onnx", 323, 476, nhwc(299), bottleneckFirst("output")},
}

var symbolic = []graph.Dim{{Symbol: "N"}, {Size: 3}, {Symbol: "H"}, {Symbol: "W"}}

func nhwc(size int) []graph.Dim {
	return []graph.Dim{{Size: 1}, {Size: size}, {Size: size}, {Size: 3}}
}

func bottleneckFirst(other string) []graph.Output {
	return []graph.Output{{Name: "bottleneck"}, {Name: other}}
}

func TestSharedNetworks(t *testing.T) {
	for _, n := range networks {
		t.Run(n.file, func(t *testing.T) {
			g, err := onnx.Parse(readShared(t, "models", n.file), onnx.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(g.Nodes) != n.nodes || len(g.Initializers) != n.initializers {
				t.Errorf("%d nodes and %d initializers, want %d and %d", len(g.Nodes), len(g.Initializers), n.nodes, n.initializers)
			}
			want := []graph.Input{{Name: g.Inputs[0].Name, DType: tensor.Float32, Dims: n.input}}
			if d := cmp.Diff(want, g.Inputs); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(n.outputs, g.Outputs); d != "" {
				t.Error(d)
			}
			if g.Opsets[""] != 13 {
				t.Errorf("opsets %v, want version 13", g.Opsets)
			}
		})
	}
}

func TestOperatorTestModels(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "onnx-node-tests"), "*", "model.onnx"))
	if err != nil || len(files) < 200 {
		t.Fatalf("%d models, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := onnx.Parse(data, onnx.Options{}); err != nil {
			t.Errorf("%s: %v", filepath.Base(filepath.Dir(f)), err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range networks {
		b.Run(n.file, func(b *testing.B) {
			data := readShared(b, "models", n.file)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := onnx.Parse(data, onnx.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
