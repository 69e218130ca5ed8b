package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// TestGradientsAgainstPyTorch holds every kernel set's gradients of small networks, each
// with one form of an operator, against those that testdata/gradients.py recorded from
// PyTorch, by every weight and by the input: within 1e-4 of their norm.
func TestGradientsAgainstPyTorch(t *testing.T) {
	folder, err := nodetest.OpenTar(filepath.Join("testdata", "gradients.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	operators := map[string]bool{}
	for _, name := range nodetest.Names(t, folder) {
		t.Run(name, func(t *testing.T) {
			c, err := nodetest.Load(folder, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range c.Graph.Nodes {
				operators[n.Op] = true
			}
			want := recordedGradients(t, folder, name)
			for _, set := range kernel.Sets() {
				checkRecorded(t, c, set.Name, want)
			}
		})
	}
	for _, name := range differentiable {
		if !operators[name] {
			t.Errorf("no gradient of %s is recorded", name)
		}
	}
}

// differentiable are the operators with backward passes of their own.
var differentiable = []string{"Conv", "Gemm", "MatMul", "Einsum", "Attention", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean",
	"Add", "Mul", "Sub", "Div", "Pow", "Concat", "Split", "Slice", "Gather", "Pad", "Reshape", "Flatten", "Transpose", "Softmax", "LayerNormalization",
	"GroupNormalization", "InstanceNormalization", "BatchNormalization", "LRN",
	"Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Exp", "Sqrt", "Erf", "Abs", "Mish", "HardSigmoid", "HardSwish", "Elu", "Gelu"}

// TestActivationsAreDifferentiable: none is missing above.
func TestActivationsAreDifferentiable(t *testing.T) {
	for name := range activations {
		if !strings.Contains(strings.Join(differentiable, " "), name) {
			t.Errorf("%s is not compared with PyTorch", name)
		}
	}
}

func recordedGradients(t *testing.T, folder fs.FS, name string) map[string][]float64 {
	t.Helper()
	files, err := fs.Glob(folder, name+"/gradient_*.npy")
	if err != nil || len(files) == 0 {
		t.Fatalf("no gradients (%v)", err)
	}
	want := map[string][]float64{}
	for _, f := range files {
		g, err := nodetest.ReadNPY(folder, f)
		if err != nil {
			t.Fatal(err)
		}
		want[strings.TrimSuffix(strings.TrimPrefix(f, name+"/gradient_"), ".npy")] = nodetest.Floats(g)
	}
	return want
}

// checkRecorded compares the gradients of a network with those recorded, all of them.
func checkRecorded(t *testing.T, c *nodetest.Case, set string, want map[string][]float64) {
	t.Helper()
	in, loss := c.Inputs["x"], tensor.Values[float32](c.Inputs["loss"])
	opt := Options{Input: in.Shape, ChannelsLast: fedChannelsLast(in.Shape), Tap: c.Outputs()[0], Pool: "none", Kernels: set}
	tr, err := CompileTraining(c.Graph, opt, 2)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, tr.OutputLen())
	if err := tr.Forward(t.Context(), imageOf(in), out); err != nil {
		t.Fatal(err)
	}
	compare(t, set, out, tensor.Values[float32](c.Want[0]))
	if err := tr.Backward(t.Context(), loss); err != nil {
		t.Fatal(err)
	}
	compareGradients(t, set, tr.Parameters(), want, 1e-4)
	if len(tr.Parameters()) != len(want) {
		t.Errorf("%d parameters, not %d", len(tr.Parameters()), len(want))
	}
}

// recordedFamilies are the networks of the zoo whose gradients are recorded.
var recordedFamilies = []string{"resnet50-torchscript", "densenet121-torchscript", "mobilenetv3large-torchscript", "efficientnetb0-dynamo",
	"regnety400mf-dynamo",
	"vitb16-dynamo", "vitb16-attention", "swint-attention", "mixerb16-dynamo", "convnexttiny-dynamo"}

// A familyRecord is what gradients.py recorded of a network: for every weight the norm of
// the gradient and its products with a few vectors of random numbers.
type familyRecord struct {
	SHA256    string               `json:"sha256"`
	Gradients map[string][]float64 `json:"gradients"`
}

// TestFamilyGradientsAgainstPyTorch holds the gradient of every weight of whole networks
// within 1e-3 of PyTorch's, relative to its norm. With FEATSTORE_WRITE_NETWORKS it writes
// the networks to that folder instead, for gradients.py.
func TestFamilyGradientsAgainstPyTorch(t *testing.T) {
	records := map[string]familyRecord{}
	data, err := os.ReadFile(filepath.Join("testdata", "gradients.json"))
	if err == nil {
		err = json.Unmarshal(data, &records)
	}
	if err != nil && os.Getenv("FEATSTORE_WRITE_NETWORKS") == "" {
		t.Fatal(err)
	}
	for _, name := range recordedFamilies {
		t.Run(name, func(t *testing.T) {
			v, err := zoo.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			m := v.Small()
			g := foldedGraph(t, m, m.Shape)
			model, err := onnx.Marshal(g)
			if err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("FEATSTORE_WRITE_NETWORKS"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, name+".onnx"), model, 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			checkFamily(t, g, m, records[name].Gradients)
			if sum := sha256.Sum256(model); t.Failed() && hex.EncodeToString(sum[:]) != records[name].SHA256 {
				t.Error("the network is another one than was recorded: run testdata/gradients.py again")
			}
		})
	}
}

func checkFamily(t *testing.T, g *graph.Graph, m *zoo.Model, want map[string][]float64) {
	t.Helper()
	in := tensor.New(hashed(1, tensor.Len(m.Shape)), m.Shape...)
	for i, set := range kernel.Sets() {
		if i > 0 && testing.Short() {
			break
		}
		tr, err := CompileTraining(g, Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap, Pool: "none", Kernels: set.Name}, 2)
		if err != nil {
			t.Fatal(err)
		}
		backwardOnce(t, tr, imageOf(in), hashed(2, tr.OutputLen()))
		compareProjections(t, set.Name, tr.Parameters(), want)
	}
}

// compareProjections estimates how far each gradient is from the one whose norm and
// products with random vectors are given. What is 0 in truth may be off by rounding, see
// compareGradients.
func compareProjections(t *testing.T, set string, params []*Parameter, want map[string][]float64) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = math.Max(largest, w[0])
	}
	for _, p := range params {
		w := want[p.Name]
		if w == nil {
			t.Errorf("%s: the gradient of %s is not recorded", set, p.Name)
			continue
		}
		distance := 0.0
		for k, product := range w[1:] {
			sum := 0.0
			random := hashed(10+k, len(p.Gradient))
			for i, v := range tensor.Values[float32](p.GradientTensor()) {
				sum += float64(v) * float64(random[i])
			}
			distance += (sum - product) * (sum - product) * 3 / float64(len(w)-1) // 1/3 is the variance of a uniform number from -1 to 1
		}
		if distance = math.Sqrt(distance); !(distance <= 1e-3*w[0]+1e-6*largest) {
			t.Errorf("%s: the gradient of %s %v is off by some %.2g of its norm %.2g", set, p.Name, p.Tensor().Shape, distance/w[0], w[0])
		}
	}
}

// hashed are uniform numbers from -1 to 1, the same as those of numbers in gradients.py.
func hashed(seed, n int) []float32 {
	v := make([]float32, n)
	_, first := bits.Mul64(uint64(seed), 0xBF58476D1CE4E5B9)
	for i := range v {
		h := uint64(i)*0x9E3779B97F4A7C15 + first
		h = (h ^ h>>31) * 0x94D049BB133111EB
		h ^= h >> 29
		v[i] = float32(float64(h>>11)/(1<<52) - 1)
	}
	return v
}
