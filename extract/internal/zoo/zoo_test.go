package zoo

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
)

// TestNetworks makes each network small, reads it, and computes class scores and
// bottleneck by the reference operators and by the engine.
//
// With FEATSTORE_ZOO_OUT it also writes the models, an input and the results into
// that folder, for another engine to be asked.
func TestNetworks(t *testing.T) {
	for _, v := range Variants() {
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			x := noise(m.Shape)
			want, err := op.Interpret(g, map[string]*tensor.Tensor{m.Input: x}, m.Scores, m.Tap)
			if err != nil {
				t.Fatal(err)
			}
			alive(t, m.Scores, want[m.Scores])
			alive(t, m.Tap, want[m.Tap])
			export(t, m, x, want)
			checkTap(t, g, m)
			checkEngine(t, g, m, m.Scores, x, want[m.Scores], 1)
			if !testing.Short() {
				checkEngine(t, g, m, m.Tap, x, want[m.Tap], 1)
			}
		})
	}
}

// TestOperators: the operators that exporters are known for must not get lost.
func TestOperators(t *testing.T) {
	seen := map[string]bool{}
	names := map[string]bool{}
	for _, v := range Variants() {
		if names[v.Name] {
			t.Errorf("two networks are called %s", v.Name)
		}
		names[v.Name] = true
		m := v.Small()
		g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Nodes {
			seen[n.Op] = true
		}
	}
	for _, name := range []string{"Attention", "Einsum", "Gelu", "HardSwish", "Identity", "LRN", "LayerNormalization", "Mod", "Not",
		"Pad", "QLinearConv", "QLinearMatMul", "Range", "ScatterND", "Split", "Where"} {
		if !seen[name] {
			t.Errorf("no network has a node %s any more", name)
		}
	}
}

// noise is an input of values from −1 to 1.
func noise(shape []int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(3, 9))
	v := make([]float32, tensor.Len(shape))
	for i := range v {
		v[i] = 2*rng.Float32() - 1
	}
	return tensor.New(v, shape...)
}

// float32s returns a tensor's values as float32.
func float32s(x *tensor.Tensor) []float32 {
	h, ok := x.Data.([]tensor.Half)
	if !ok {
		return tensor.Values[float32](x)
	}
	v := make([]float32, len(h))
	for i, x := range h {
		v[i] = x.Float32()
	}
	return v
}

// alive fails if values are all alike, too large to be of use, or not numbers: then
// comparing them would show nothing.
func alive(t *testing.T, name string, x *tensor.Tensor) {
	t.Helper()
	var sum, squares, most float64
	values := float32s(x)
	for _, v := range values {
		sum, squares, most = sum+float64(v), squares+float64(v)*float64(v), max(most, math.Abs(float64(v)))
	}
	n := float64(len(values))
	deviation := math.Sqrt(squares/n - sum/n*sum/n)
	if !(deviation > 1e-3 && most > 1e-2 && most < 1e3) {
		t.Errorf("%s %v: deviation %.3g, largest %.3g: the signal has vanished or exploded", name, x, deviation, most)
	}
}

// checkTap fails if the bottleneck would not be found.
func checkTap(t *testing.T, g *graph.Graph, m *Model) {
	t.Helper()
	tap, candidates, err := passes.FindTap(g)
	if err != nil || tap != m.Tap {
		t.Errorf("the tap found is %q of %q (%v), not %q", tap, candidates, err, m.Tap)
	}
}

// checkEngine compares the network as compiled for each kernel set with the
// interpreted one. A quantised bottleneck may be off by so many steps: sums in
// another order fall on the other side where they are to be rounded, and what
// follows adds to it.
func checkEngine(t *testing.T, g *graph.Graph, m *Model, name string, x, want *tensor.Tensor, steps float64) {
	t.Helper()
	for _, set := range kernel.Sets() {
		p, err := engine.Compile(g, engine.Options{Input: m.Shape, ChannelsLast: m.Shape[3] == 3, Tap: name, Pool: "none", Kernels: set.Name})
		if err != nil {
			t.Errorf("%s: %s: %v", set.Name, name, err)
			return
		}
		in, got := tensor.Values[float32](channelsLast(x)), make([]float32, p.Dim())
		r := p.NewRunner()
		for range 2 { // the second run must not see the first
			if err := r.Run(context.Background(), in, got); err != nil {
				t.Errorf("%s: %s: %v", set.Name, name, err)
				return
			}
		}
		if d, allowed := distance(got, float32s(want), 1.01*steps*m.Quantum); !(d <= allowed) {
			t.Errorf("%s: %s %v: the engine is off by %.3g, allowed are %.3g", set.Name, name, want, d, allowed)
		}
		if s := p.Stats(); len(s.References) > 0 && set.Name == kernel.Sets()[0].Name {
			t.Logf("%s: slowly by reference: %s", name, strings.Join(s.References, ", "))
		}
	}
}

// channelsLast is an image as the engine takes it.
func channelsLast(x *tensor.Tensor) *tensor.Tensor {
	c, h, w := x.Shape[1], x.Shape[2], x.Shape[3]
	if w == 3 { // so it is in the model
		return x
	}
	in, out := tensor.Values[float32](x), make([]float32, c*h*w)
	for i := range c {
		for j := range h * w {
			out[j*c+i] = in[i*h*w+j]
		}
	}
	return tensor.New(out, 1, h, w, c)
}

// distance is the largest difference and what may be: a thousandth of the largest
// value, and slack.
func distance(got, want []float32, slack float64) (d, allowed float64) {
	if len(got) != len(want) {
		return math.Inf(1), 0
	}
	for i, v := range want {
		allowed = max(allowed, 1e-3*math.Abs(float64(v)))
		d = max(d, math.Abs(float64(v)-float64(got[i])))
		if math.IsNaN(float64(got[i])) {
			return math.NaN(), allowed
		}
	}
	return d, allowed + slack
}

func export(t *testing.T, m *Model, x *tensor.Tensor, want map[string]*tensor.Tensor) {
	t.Helper()
	root := os.Getenv("FEATSTORE_ZOO_OUT")
	if root == "" {
		return
	}
	dir := filepath.Join(root, m.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"model.onnx": m.Data, "scores.txt": []byte(m.Scores), "tap.txt": []byte(m.Tap)}
	for name, data := range m.Files {
		files[name] = data
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	writeArray(t, filepath.Join(dir, "input.npy"), x)
	writeArray(t, filepath.Join(dir, "want-scores.npy"), want[m.Scores])
	writeArray(t, filepath.Join(dir, "want-tap.npy"), want[m.Tap])
}

func writeArray(t *testing.T, file string, x *tensor.Tensor) {
	t.Helper()
	f, err := os.Create(file)
	if err == nil {
		err = npyio.Write(f, float32s(x))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
