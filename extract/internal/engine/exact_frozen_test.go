package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/tensor"
)

// digestOf is a digest of the bits of a vector.
func digestOf(x []float32) string {
	h := sha256.New()
	for _, v := range x {
		fmt.Fprintln(h, math.Float32bits(v))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// digests runs a graph on every set of kernels, by one worker and by three, and returns
// the digest of each input's vector, on which all must agree.
func digests(t *testing.T, g *graph.Graph, opt Options, inputs ...[]float32) []string {
	t.Helper()
	all := make([]string, len(inputs))
	for _, s := range kernel.Sets() {
		opt.Kernels = s.Name
		p, err := Compile(g, opt)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Stats().Exact {
			t.Errorf("%s: does not promise the same bits", s.Name)
		}
		got := make([]float32, p.Dim())
		for _, workers := range []int{1, 3} {
			r := p.NewParallelRunner(workers)
			for i, in := range inputs {
				if err := r.Run(t.Context(), in, got); err != nil {
					t.Fatal(err)
				}
				digest := digestOf(got)
				if all[i] == "" {
					all[i] = digest
				}
				if digest != all[i] {
					t.Errorf("%s kernels, %d workers: the vector of input %d is not that of the kernels before", s.Name, workers, i)
				}
				if len(slices.Compact(slices.Sorted(slices.Values(got)))) < min(40, p.Dim()/2) { // the mean may be rounded too
					t.Error("hardly any values that differ")
				}
			}
		}
	}
	return all
}

// The made-up networks of the recorded digests are drawn from whole numbers and quotients
// alone, which are the same on every machine, as functions of package math need not be.

func (b *builder) quotient(n, of int) float32 { return float32(n+b.rng.IntN(n)) / float32(of) }

func (b *builder) quotients(n, of, count int) *tensor.Tensor {
	x := make([]float32, count)
	for i := range x {
		x[i] = b.quotient(n, of) * float32(1-2*b.rng.IntN(2))
	}
	return tensor.New(x, count)
}

// rounded rounds x to 8 bits.
func (b *builder) rounded(x string, scale float32, zero uint8) string {
	s, z := b.constant(tensor.New([]float32{scale})), b.zero(zero)
	return b.add("DequantizeLinear", nil, b.add("QuantizeLinear", nil, x, s, z), s, z)
}

// madeUpConv is a convolution of c channels with weights of 8 bits. The last output's
// weights are next to nothing beside its bias, as in networks with dead channels.
func (b *builder) madeUpConv(x string, c, out, k, group int) string {
	scales := make([]float32, out)
	for i := range scales {
		scales[i] = b.quotient(40, 4000*k)
	}
	scales[out-1] = 1e-9
	s, zero := b.constant(tensor.New(scales, out)), b.constant(tensor.New(make([]int8, out), out))
	w := b.add("DequantizeLinear", map[string]graph.Attr{"axis": int64(0)}, b.constant(b.randomWeights(true, out, c/group, k, k)), s, zero)
	pad := int64(k / 2)
	return b.add("Conv", map[string]graph.Attr{"group": int64(group), "pads": ints(pad, pad, pad, pad)}, x, w, b.constant(b.quotients(100, 300, out)))
}

// madeUp draws a network with all that networks of 8-bit numbers consist of; it may begin
// with layers of floats.
func (b *builder) madeUp(floats bool) string {
	x, c := "x", 3
	if floats {
		w := b.quotients(10, 100, 12*3*3*3)
		w.Shape = []int{12, 3, 3, 3}
		x, c = b.add("Conv", map[string]graph.Attr{"strides": ints(2, 2)}, x, b.constant(w), b.constant(b.quotients(1, 7, 12))), 12
		x = b.add("Clip", nil, x, b.constant(tensor.New([]float32{-1.5})), b.constant(tensor.New([]float32{6})))
		depthwise := b.quotients(10, 60, 12*3*3)
		depthwise.Shape = []int{12, 1, 3, 3}
		x = b.add("Conv", map[string]graph.Attr{"group": int64(12)}, x, b.constant(depthwise))
	}
	x = b.rounded(x, b.quotient(11, 900), 113)
	x = b.rounded(b.add("Relu", nil, b.madeUpConv(x, c, 20, 3, 1)), b.quotient(20, 900), 0)
	same := b.rounded(b.madeUpConv(x, 20, 20, 1, 1), b.quotient(17, 900), 120)
	x = b.rounded(b.add("Add", nil, x, same), b.quotient(23, 900), 77)
	y := b.rounded(b.madeUpConv(x, 20, 20, 5, 20), b.quotient(19, 700), 131)
	gate := b.rounded(b.add("Sigmoid", nil, y), b.quotient(3, 1000), 0)
	y = b.rounded(b.add("Mul", nil, y, gate), b.quotient(19, 900), 90)
	for _, f := range []string{"Tanh", "Softplus", "Erf", "Elu", "HardSwish"} {
		y = b.rounded(b.add(f, nil, y), b.quotient(19, 1700), 90)
	}
	x = b.rounded(b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, x, y), b.quotient(29, 900), 101)
	x = b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "strides": ints(2, 2)}, x)
	x = b.rounded(b.add("AveragePool", map[string]graph.Attr{"kernel_shape": ints(2, 2)}, x), b.quotient(31, 900), 99)
	x = b.rounded(b.madeUpConv(x, 40, 50, 3, 1), b.quotient(31, 900), 99)
	return b.add("GlobalAveragePool", nil, x)
}

// TestQuantizedBitsAreFrozen compares with digests that other machines have recorded: it
// is run with other processors' kernels, with plain Go, and on arm64.
func TestQuantizedBitsAreFrozen(t *testing.T) {
	var now strings.Builder
	for seed := range 6 {
		b := newBuilder(uint64(seed), 1, 3, 33, 27)
		tap := b.madeUp(seed%2 == 1)
		rng, in := rand.New(rand.NewPCG(uint64(seed), 11)), make([]float32, 33*27*3)
		for i := range in {
			in[i] = (float32(rng.IntN(256)) - 127) / 128
		}
		fmt.Fprintf(&now, "%d %s\n", seed, digests(t, b.Graph, Options{Input: []int{1, 3, 33, 27}, Tap: tap}, in)[0])
	}
	path := filepath.Join("testdata", "exact.txt")
	if os.Getenv("FEATSTORE_RECORD") != "" {
		if err := os.WriteFile(path, []byte(now.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if now.String() != string(recorded) {
		t.Errorf("vectors of this machine or version differ from the recorded ones:\n%snot\n%s", now.String(), recorded)
	}
}

// TestSharedQuantizedNetworkOnEveryMachine runs a network of 8-bit numbers in full size on
// photos, with -short on one. In plain Go it takes a second.
func TestSharedQuantizedNetworkOnEveryMachine(t *testing.T) {
	g := parseModel(t, filepath.Join(needShared(t, "quantized"), "efficientnet_lite0_int8_qdq.onnx"))
	dir := needShared(t, "golden")
	var photos [][]float32
	for _, name := range []string{"daisy", "roses", "tulips"} {
		c := goldenCase{Mean: 127, Std: 128}
		pixels, _, _, _ := c.input(t, filepath.Join(dir, "inputs", name+"_320.png"))
		photos = append(photos, pixels)
	}
	if testing.Short() {
		photos = photos[:1]
	}
	t.Log(digests(t, g, Options{Input: []int{1, 3, 320, 320}, Tap: "bottleneck"}, photos...))
}
