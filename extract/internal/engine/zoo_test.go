package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// TestZooAgainstReference runs every family of networks, as every exporter writes
// it, against plain interpretation. None of them allocates, and together they have every
// kind of step there is but the reference operators and what these sizes are too small for.
func TestZooAgainstReference(t *testing.T) {
	kinds := map[string]bool{"Reference": true,
		"Strassen":    true, // pays in large networks only
		"BatchNorm":   true, // networks that are trained have it, and are exported with it by mistake only
		"Dequantize":  true, // quantizers seldom keep layers on floats: TestQuantizedBitsAreFrozen has such
		"MaxGradient": true, // a tap is pooled by maximum only when asked: TestGradientOfMaxPooledTap
		"Reload":      true, // it runs beside plans, in every Training.Update
	}
	for _, v := range zoo.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			if tap, _, err := passes.FindTap(g); tap != m.Tap || err != nil {
				t.Errorf("tap %q, want %q (%v)", tap, m.Tap, err)
			}
			checkZoo(t, g, m, kinds)
			if m.Quantum == 0 {
				tr, err := compileTrainingVerified(foldedGraph(t, m, m.Shape), Options{Input: m.Shape, Tap: m.Tap}, 1)
				if err != nil {
					t.Fatal(err)
				}
				noteKinds(kinds, tr.program)
			}
		})
	}
	for _, kind := range stepKinds(t) {
		if !kinds[kind] {
			t.Errorf("no network has a %s", kind)
		}
	}
}

// stepKinds lists the types that have a method prepare.
func stepKinds(t *testing.T) []string {
	files, err := filepath.Glob(filepath.Join("exec", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			m, ok := d.(*ast.FuncDecl)
			if !ok || m.Recv == nil || m.Name.Name != "prepare" {
				continue
			}
			if p, ok := m.Recv.List[0].Type.(*ast.StarExpr); ok {
				kinds = append(kinds, p.X.(*ast.Ident).Name)
			}
		}
	}
	return kinds
}

func checkZoo(t *testing.T, g *graph.Graph, m *zoo.Model, kinds map[string]bool) {
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
		p, err := compileVerified(g, Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap, Pool: "none", Kernels: s.Name})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, p.Dim())
		noteKinds(kinds, p)
		r := p.NewRunner()
		if err := r.Run(t.Context(), pixels, got); err != nil {
			t.Fatal(err)
		}
		checkAllocations(t, p, r, pixels)
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

// noteKinds adds the kinds of a program's steps.
func noteKinds(kinds map[string]bool, p *Program) {
	for _, s := range p.plan.Steps {
		kinds[reflect.TypeOf(s).Elem().Name()] = true
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
	in = tensor.New(x, shape...)
	return in, imageOf(in)
}
