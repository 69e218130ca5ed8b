package engine

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// TestZooAgainstReference runs every family of networks, as every exporter writes
// it, against plain interpretation.
func TestZooAgainstReference(t *testing.T) {
	for _, v := range zoo.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			if tap, _, err := FindTap(g); tap != m.Tap || err != nil {
				t.Errorf("tap %q, want %q (%v)", tap, m.Tap, err)
			}
			checkZoo(t, g, m)
		})
	}
}

func checkZoo(t *testing.T, g *graph.Graph, m *zoo.Model) {
	in, pixels := zooInput(m.Shape)
	res, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: in}, m.Tap)
	if err != nil {
		t.Fatal(err)
	}
	want, half := halfless(res[m.Tap])
	for i, s := range kernel.Sets() {
		if i > 0 && testing.Short() {
			break // the fastest set only
		}
		p, err := Compile(g, Options{Input: m.Shape, Tap: m.Tap, Pool: "none", Kernels: s.Name})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, p.Dim())
		if err := p.NewRunner().Run(t.Context(), pixels, got); err != nil {
			t.Fatal(err)
		}
		switch {
		case half: // the reference rounds everything to float16
			compareWithin(t, s.Name, got, want, 2e-2)
		case m.Quantum == 0:
			compare(t, s.Name, got, want)
		}
		if refs := p.Stats().References; i == 0 && len(refs) > 0 {
			t.Logf("%d of %d steps by reference: %s", len(refs), p.Stats().Steps, operators(refs))
			t.Log(refs[:min(len(refs), 3)])
		}
	}
}

// halfless returns a tensor's values as float32, and whether they were float16.
func halfless(t *tensor.Tensor) (values []float32, half bool) {
	if t.DType != tensor.Float16 {
		return tensor.Values[float32](t), false
	}
	for _, h := range tensor.Values[tensor.Half](t) {
		values = append(values, h.Float32())
	}
	return values, true
}

// operators lists the operators of node labels, each once.
func operators(labels []string) string {
	var ops []string
	for _, l := range labels {
		o, _, _ := strings.Cut(l, " ")
		ops = append(ops, o)
	}
	slices.Sort(ops)
	return strings.Join(slices.Compact(ops), " ")
}

// zooInput makes an input of random values, as a tensor and as pixels.
func zooInput(shape []int) (in *tensor.Tensor, pixels []float32) {
	rng := rand.New(rand.NewPCG(3, 3))
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	pixels = x
	if channelsFirst(shape) {
		pixels = nil
		forEachOffset(shape, innermost(4, 1), func(at int) { pixels = append(pixels, x[at]) })
	}
	return tensor.New(x, shape...), pixels
}
