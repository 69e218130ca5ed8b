package engine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// foldedGraph is a network of the zoo as fine-tuning has it.
func foldedGraph(t *testing.T, m *zoo.Model, shape []int) *graph.Graph {
	t.Helper()
	g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
	if err != nil {
		t.Fatal(err)
	}
	if g, err = passes.Prune(g, m.Tap); err != nil {
		t.Fatal(err)
	}
	if g, _, err = passes.Trainable(g, m.Tap, shape, 1); err != nil {
		t.Fatal(err)
	}
	return g
}

// trainable lists the networks of floats.
func trainable() []zoo.Variant {
	return slices.DeleteFunc(zoo.Variants(), func(v zoo.Variant) bool { return v.Small().Quantum != 0 })
}

// TestTrainingComputesWhatTheProgramDoes: the forward pass of training is the network.
func TestTrainingComputesWhatTheProgramDoes(t *testing.T) {
	for _, v := range trainable() {
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g := foldedGraph(t, m, m.Shape)
			opt := Options{Input: m.Shape, Tap: m.Tap}
			p, err := compileVerified(g, opt)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := compileTrainingVerified(g, opt, 1)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			in, want, got := make([]float32, tr.InputLen()), make([]float32, p.Dim()), make([]float32, p.Dim())
			for i := range in {
				in[i] = float32(rng.NormFloat64())
			}
			if err := p.NewRunner().Run(context.Background(), in, want); err != nil {
				t.Fatal(err)
			}
			if err := tr.Forward(context.Background(), in, got); err != nil {
				t.Fatal(err)
			}
			compareTensors(t, got, want)
		})
	}
}

func compareTensors(t *testing.T, got, want []float32) {
	t.Helper()
	largest := 0.0
	for _, v := range want {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	for i, v := range got {
		if math.Abs(float64(v)-float64(want[i])) > 1e-3*largest {
			t.Fatalf("value %d is %v, not %v", i, v, want[i])
		}
	}
}

// TestTrainingRefusesOtherOperations names what has no gradient.
func TestTrainingRefusesOtherOperations(t *testing.T) {
	g := &graph.Graph{
		Inputs:       []graph.Input{{Name: "x", DType: tensor.Float32}},
		Opsets:       map[string]int64{"": 17},
		Initializers: map[string]*tensor.Tensor{"w": tensor.New(make([]float32, 16), 4, 4)},
		Nodes: []*graph.Node{
			{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"a"}},
			{Op: "CumSum", Name: "sums", Inputs: []string{"a", "axis"}, Outputs: []string{"y"}},
		},
		Outputs: []graph.Output{{Name: "y"}},
	}
	g.Initializers["axis"] = tensor.New([]int64{1}, 1)
	_, err := compileTrainingVerified(g, Options{Input: []int{2, 4}, Tap: "y"}, 1)
	if !errors.Is(err, ErrNoGradient) {
		t.Errorf("%v", err)
	}
}

// smallTraining is a training of a small network of the zoo, and an input.
func smallTraining(t *testing.T, name string, opt Options, cores int) (*Training, []float32) {
	t.Helper()
	v, err := zoo.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	m := v.Small()
	opt.Tap = m.Tap
	opt.Input = append([]int{opt.Input[0]}, m.Shape[1:]...)
	tr, err := compileTrainingVerified(foldedGraph(t, m, opt.Input), opt, cores)
	if err != nil {
		t.Fatal(err)
	}
	in, rng := make([]float32, tr.InputLen()), rand.New(rand.NewPCG(5, 6))
	for i := range in {
		in[i] = float32(rng.NormFloat64())
	}
	return tr, in
}

// pass runs both passes and returns copies of all gradients.
func pass(t *testing.T, tr *Training, in []float32) [][]float32 {
	t.Helper()
	out := make([]float32, tr.OutputLen())
	if err := tr.Forward(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	if err := tr.Backward(t.Context(), out); err != nil { // of the loss Σ out²/2
		t.Fatal(err)
	}
	var all [][]float32
	for _, p := range tr.Parameters() {
		all = append(all, slices.Clone(p.Gradient))
		clear(p.Gradient)
	}
	return all
}

// families lists the networks of floats, in short tests every third of them.
func families() []zoo.Variant {
	all := trainable()
	if !testing.Short() {
		return all
	}
	var some []zoo.Variant
	for i := 0; i < len(all); i += 3 {
		some = append(some, all[i])
	}
	return some
}

// familyTraining is a training for three images, or one where the network takes no more.
func familyTraining(t *testing.T, v zoo.Variant, cores int) (*Training, []float32) {
	t.Helper()
	m := v.Small()
	images := 3
	g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
	if err != nil {
		t.Fatal(err)
	}
	if g.Inputs[0].Dims[0].Size == 1 {
		images = 1
	}
	return smallTraining(t, v.Name, Options{Input: []int{images}}, cores)
}

// TestGradientsDoNotDependOnWorkers: the same bits on one, two and three cores, again and
// again.
func TestGradientsDoNotDependOnWorkers(t *testing.T) {
	for _, v := range families() {
		t.Run(v.Name, func(t *testing.T) {
			one, in := familyTraining(t, v, 1)
			want := pass(t, one, in)
			for _, cores := range []int{2, 3} {
				several, _ := familyTraining(t, v, cores)
				for range 2 {
					for i, g := range pass(t, several, in) {
						if !slices.Equal(g, want[i]) {
							t.Fatalf("%d cores: %s differs", cores, one.Parameters()[i].Name)
						}
					}
				}
			}
		})
	}
}

// TestGradientsOfABatchAdd: those of three inputs are the sums of the three.
func TestGradientsOfABatchAdd(t *testing.T) {
	for _, name := range []string{"mobilenetv2-torchscript", "vitb16-torchscript", "densenet121-torchscript"} {
		t.Run(name, func(t *testing.T) {
			all, in := smallTraining(t, name, Options{Input: []int{3}}, 2)
			got := pass(t, all, in)
			single, _ := smallTraining(t, name, Options{Input: []int{1}}, 2)
			want := make([][]float32, len(got))
			for i := range 3 {
				n := len(in) / 3
				for k, g := range pass(t, single, in[i*n:(i+1)*n]) {
					if i == 0 {
						want[k] = make([]float32, len(g))
					}
					for j, v := range g {
						want[k][j] += v
					}
				}
			}
			for k := range got {
				compareTensors(t, got[k], want[k])
			}
		})
	}
}

// TestSetsAgreeOnGradients: every kernel set computes them.
func TestSetsAgreeOnGradients(t *testing.T) {
	for _, name := range []string{"resnet50-torchscript", "efficientnetb0-torchscript", "convnexttiny-torchscript", "vitb16-torchscript",
		"regnetx400mf-torchscript"} {
		t.Run(name, func(t *testing.T) {
			var want [][]float32
			for _, set := range kernel.Sets() {
				tr, in := smallTraining(t, name, Options{Input: []int{1}, Kernels: set.Name}, 1)
				got := pass(t, tr, in)
				for k := range want {
					compareTensors(t, got[k], want[k])
				}
				want = got
			}
		})
	}
}

// TestUpdatedWeightsCount: after a step against the gradient the loss is less, and a
// parameter's tensor is what the model would hold.
func TestUpdatedWeightsCount(t *testing.T) {
	tr, in := smallTraining(t, "mobilenetv2-torchscript", Options{Input: []int{2}}, 2)
	loss := func() (sum float64) {
		out := make([]float32, tr.OutputLen())
		if err := tr.Forward(t.Context(), in, out); err != nil {
			t.Fatal(err)
		}
		for _, v := range out {
			sum += float64(v) * float64(v) / 2
		}
		return sum
	}
	before, grads := loss(), pass(t, tr, in)
	for i, p := range tr.Parameters() {
		for k := range p.Values {
			p.Values[k] -= 1e-4 * grads[i][k]
		}
	}
	if same := loss(); same != before {
		t.Errorf("the loss was %v and is %v without Update", before, same)
	}
	tr.Update()
	if after := loss(); !(after < before) {
		t.Errorf("the loss was %v and is %v after a step", before, after)
	}
}

// TestTrainingDoesNotAllocate in steady state.
func TestTrainingDoesNotAllocate(t *testing.T) {
	for _, v := range families() {
		tr, in := familyTraining(t, v, 1)
		out := make([]float32, tr.OutputLen())
		ctx := context.Background()
		allocations := testing.AllocsPerRun(3, func() {
			if tr.Forward(ctx, in, out) != nil || tr.Backward(ctx, out) != nil {
				t.Error("a pass failed")
			}
			tr.Update()
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations a step", v.Name, allocations)
		}
	}
}

// TestGradientOfMaxPooledTap: a feature map that is pooled by maximum.
func TestGradientOfMaxPooledTap(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	w := make([]float32, 4*3*3*3)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	g := &graph.Graph{
		Inputs:       []graph.Input{{Name: "x", DType: tensor.Float32}},
		Opsets:       map[string]int64{"": 17},
		Initializers: map[string]*tensor.Tensor{"w": tensor.New(w, 4, 3, 3, 3)},
		Nodes:        []*graph.Node{{Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Outputs:      []graph.Output{{Name: "y"}},
	}
	pooled := *g
	pooled.Nodes = append(slices.Clone(g.Nodes), &graph.Node{Op: "GlobalMaxPool", Inputs: []string{"y"}, Outputs: []string{"pooled"}})
	in, pixels := zooInput([]int{2, 3, 7, 6})
	want, loss := referenceGradients(t, &pooled, in, "pooled")
	for _, set := range kernel.Sets() {
		tr, err := compileTrainingVerified(g, Options{Input: in.Shape, Tap: "y", Pool: "max", Kernels: set.Name}, 2)
		if err != nil {
			t.Fatal(err)
		}
		backwardOnce(t, tr, pixels, loss)
		compareGradients(t, set.Name, tr.Parameters(), want, 1e-3)
	}
}
