package quantize

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A builder makes graphs with random weights.
type builder struct {
	graph.Graph
	shapes map[string]*tensor.Tensor
	rng    *rand.Rand
}

func newBuilder(shape ...int) *builder {
	b := &builder{rng: rand.New(rand.NewPCG(5, 6)), shapes: map[string]*tensor.Tensor{"x": tensor.Abstract(tensor.Float32, shape...)}}
	b.Inputs = []graph.Input{{Name: "x", DType: tensor.Float32}}
	b.Initializers, b.Opsets = map[string]*tensor.Tensor{}, map[string]int64{"": 13}
	return b
}

func (b *builder) constant(scale float64, shape ...int) string {
	v := make([]float32, tensor.Len(shape))
	for i := range v {
		v[i] = float32(scale * b.rng.NormFloat64())
	}
	name := fmt.Sprintf("w%d", len(b.Initializers))
	b.Initializers[name] = tensor.New(v, shape...)
	return name
}

func (b *builder) add(op string, shape []int, attrs map[string]graph.Attr, inputs ...string) string {
	out := fmt.Sprintf("%s%d", op, len(b.Nodes))
	b.Nodes = append(b.Nodes, &graph.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	b.shapes[out] = tensor.Abstract(tensor.Float32, shape...)
	return out
}

// conv appends a convolution of 3×3 that keeps the size.
func (b *builder) conv(x string, in, out, group int) string {
	shape := slices.Clone(b.shapes[x].Shape)
	shape[1] = out
	attributes := map[string]graph.Attr{"pads": []int64{1, 1, 1, 1}, "group": int64(group)}
	return b.add("Conv", shape, attributes, x, b.constant(0.3, out, in/group, 3, 3), b.constant(0.1, out))
}

func (b *builder) relu(x string) string { return b.add("Relu", b.shapes[x].Shape, nil, x) }

func (b *builder) end(x string) *graph.Graph {
	b.Outputs = []graph.Output{{Name: x}}
	return &b.Graph
}

// sampleOf are images of random pixels.
func sampleOf(images int) Sample {
	return Sample{images, func(_ context.Context, i int, dst []float32) error {
		rng := rand.New(rand.NewPCG(uint64(i), 9))
		for k := range dst {
			dst[k] = float32(rng.NormFloat64())
		}
		return nil
	}}
}

func options(tap string, shape ...int) Options {
	return Options{Options: engine.Options{Input: shape, Tap: tap, Pool: "none"}, Decibels: 1, Workers: 2}
}

// run computes a tap for an image.
func run(t *testing.T, g *graph.Graph, opt Options, image int) []float32 {
	t.Helper()
	p, err := engine.Compile(g, opt.Options)
	if err != nil {
		t.Fatal(err)
	}
	x, y := make([]float32, tensor.Len(opt.Input)), make([]float32, p.Dim())
	if err := sampleOf(0).Pixels(t.Context(), image, x); err != nil {
		t.Fatal(err)
	}
	if err := p.NewRunner().Run(t.Context(), x, y); err != nil {
		t.Fatal(err)
	}
	return y
}

// residual is a small network: convolutions, a sum, a pooling.
func residual() (*builder, string) {
	b := newBuilder(1, 3, 8, 8)
	x := b.relu(b.conv("x", 3, 16, 1))
	y := b.conv(b.relu(b.conv(x, 16, 16, 16)), 16, 16, 1)
	sum := b.relu(b.add("Add", []int{1, 16, 8, 8}, nil, y, x))
	return b, b.add("GlobalAveragePool", []int{1, 16, 1, 1}, nil, sum)
}

func TestPoints(t *testing.T) {
	b, tap := residual()
	n := newNetwork(b.end(tap), b.shapes)
	s := &selection{network: n, float: map[*layer]bool{}, barred: map[string]bool{}}
	want := []string{"x", "Relu1", "Relu3", "Conv4", "Relu6"}
	if got := s.points(); !slices.Equal(got, want) {
		t.Errorf("points %v, want %v", got, want)
	}
	s.barred["Relu3"] = true
	want = []string{"x", "Relu1"}
	if got := s.points(); !slices.Equal(got, want) {
		t.Errorf("points without one %v, want %v", got, want)
	}
	if len(s.float) != 2 {
		t.Errorf("%d layers in float, want the two beside the point", len(s.float))
	}
}

func TestFunctionsAreOnePoint(t *testing.T) {
	b := newBuilder(1, 3, 8, 8)
	x := b.conv("x", 3, 8, 1)
	gate := b.add("Sigmoid", b.shapes[x].Shape, nil, x)
	y := b.add("Mul", b.shapes[x].Shape, nil, x, gate)
	z := b.conv(y, 8, 8, 1)
	n := newNetwork(b.end(z), b.shapes)
	s := &selection{network: n, float: map[*layer]bool{}, barred: map[string]bool{}}
	if got, want := s.points(), []string{"x", x, y, z}; !slices.Equal(got, want) {
		t.Errorf("points %v, want %v", got, want)
	}
}

func TestQuantizeKeepsFeatures(t *testing.T) {
	b, tap := residual()
	g := b.end(tap)
	opt := options(tap, 1, 3, 8, 8)
	r, err := Quantize(t.Context(), g, b.shapes, sampleOf(8), opt)
	if err != nil {
		t.Fatal(err)
	}
	want, got := run(t, g, opt, 100), run(t, r.Graph, opt, 100)
	signal, noise := 0.0, 0.0
	for i, v := range want {
		signal, noise = signal+float64(v)*float64(v), noise+math.Pow(float64(got[i]-v), 2)
	}
	if db := decibels(signal, noise); db < 30 {
		t.Errorf("%.1f decibels", db)
	}
	for _, l := range r.Layers {
		if l.Float || l.Total < 20 || l.Weights < l.Total {
			t.Errorf("layer %+v", l)
		}
	}
}

// TestWeakLayersStayInFloat: one channel a thousand times as large as the others leaves
// these without any step between.
func TestWeakLayersStayInFloat(t *testing.T) {
	b := newBuilder(1, 3, 8, 8)
	x := b.conv("x", 3, 16, 1)
	y := b.conv(x, 16, 8, 1)
	first, second := tensor.Values[float32](b.Initializers["w0"]), tensor.Values[float32](b.Initializers["w2"])
	for i := range 27 {
		first[i] *= 1000
	}
	for o := range 8 { // and what reads that channel hardly counts it
		for k := range 9 {
			second[o*16*9+k] *= 1e-6
		}
	}
	g := b.end(y)
	opt := options(y, 1, 3, 8, 8)
	opt.Decibels = 90 // of the large channel alone the ratio is some 40
	if _, err := Quantize(t.Context(), g, b.shapes, sampleOf(4), opt); !errors.Is(err, ErrNothing) {
		t.Errorf("error %v, want that nothing can be quantized", err)
	}
}

// TestEqualiseChangesNoBit: scaling by powers of two, there and back, is exact.
func TestEqualiseChangesNoBit(t *testing.T) {
	b := newBuilder(1, 3, 8, 8)
	x := b.relu(b.conv("x", 3, 16, 1))
	y := b.conv(x, 16, 16, 16)
	w, bias := tensor.Values[float32](b.Initializers["w0"]), tensor.Values[float32](b.Initializers["w1"])
	for o := range 16 { // channels of very different sizes
		for k := range 27 {
			w[o*27+k] *= float32(math.Pow(3, float64(-o)))
		}
		bias[o] *= float32(math.Pow(3, float64(-o)))
	}
	g := b.end(y)
	opt := options(y, 1, 3, 8, 8)
	q := &quantization{Options: opt, sample: sampleOf(3), inputLen: 3 * 8 * 8}
	n := newNetwork(clone(g), b.shapes)
	before, err := q.momentsOf(t.Context(), n, n.graph, []string{"x", x})
	if err != nil {
		t.Fatal(err)
	}
	if scaled := equalise(n, n.graph, before); !scaled[x] {
		t.Fatal("nothing was scaled")
	}
	after, err := q.momentsOf(t.Context(), n, n.graph, []string{x})
	if err != nil {
		t.Fatal(err)
	}
	for c := range 16 {
		if after[x].hi[c] != before[x].hi[c] {
			t.Errorf("channel %d reaches %v, expected %v", c, after[x].hi[c], before[x].hi[c])
		}
		if _, hi := after[x].bounds(); c < 6 && float64(after[x].hi[c]) < hi/2 {
			t.Errorf("channel %d reaches %v of %v", c, after[x].hi[c], hi)
		}
	}
	if !slices.Equal(run(t, g, opt, 7), run(t, n.graph, opt, 7)) {
		t.Error("results have changed")
	}
}

func TestBoundsOfClipLimitEqualising(t *testing.T) {
	m := newMoments(3)
	m.hi, m.lo = []float32{6, 0.1, 2.9}, []float32{0, 0, 0}
	if got := exponentsFor(m, 6); !slices.Equal(got, []int{0, 4, 0}) {
		t.Errorf("exponents %v", got) // 0.1·16 leaves what is unseen twice as much below the bound
	}
}

// TestParams: 0 is exact, and nothing inside of the range moves by more than half a step.
func TestParams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo, hi := rapid.Float64Range(-1e6, 1e6).Draw(t, "lo"), rapid.Float64Range(-1e6, 1e6).Draw(t, "hi")
		lo, hi = min(lo, hi), max(lo, hi)
		p := paramsFor(lo, hi)
		if !(p.Scale > 0) {
			t.Fatalf("%+v", p)
		}
		first, last := p.Bounds()
		if first > 0 || last < 0 {
			t.Fatalf("0 is not between %v and %v", first, last)
		}
		x := rapid.Float64Range(lo, hi).Draw(t, "x")
		e := p.squaredErrors([]float32{float32(x), 0}, 2)
		// The zero point is rounded, so that a bound may lie half a step inside.
		if step := float64(p.Scale) * 1.01; math.Sqrt(e[0]) > step || e[1] != 0 {
			t.Fatalf("%v becomes another by %v, a step is %v; 0 by %v", x, math.Sqrt(e[0]), step, e[1])
		}
	})
}

// TestRoundedWeights: the scale is never worse than that of the largest weight.
func TestRoundedWeights(t *testing.T) {
	b := newBuilder(1, 8, 4, 4)
	n := newNetwork(b.end(b.conv("x", 8, 6, 2)), b.shapes)
	l := n.layers[0]
	squares := []float64{1, 1, 1, 1, 4, 4, 4, 4}
	r := l.roundWeights(squares)
	w, v := tensor.Values[float32](l.weight), r.values(l)
	chosen, plain, most := make([]float64, 6), make([]float64, 6), make([]float64, 6)
	l.each(func(p, o, _ int) { most[o] = max(most[o], math.Abs(float64(w[p]))) })
	l.each(func(p, o, c int) {
		scale := float32(most[o] / largestWeight)
		chosen[o] += squares[c] * math.Pow(float64(v[p]-w[p]), 2)
		plain[o] += squares[c] * math.Pow(float64(roundWeight(float64(w[p]), scale))*float64(scale)-float64(w[p]), 2)
	})
	for o := range chosen {
		if chosen[o] > plain[o]*1.001 || chosen[o] == 0 {
			t.Errorf("output %d: error %v, by the largest weight %v", o, chosen[o], plain[o])
		}
	}
}

// TestLayersKnowTheirChannels: of a grouped convolution and of both orders of a product.
func TestLayersKnowTheirChannels(t *testing.T) {
	b := newBuilder(1, 4, 3, 3)
	conv := b.conv("x", 4, 6, 2)
	n := newNetwork(b.end(conv), b.shapes)
	seen := map[[2]int]int{}
	n.layers[0].each(func(_, o, c int) { seen[[2]int{o, c}]++ })
	for o := range 6 {
		for c := range 4 {
			if want := map[bool]int{true: 9}[o/3 == c/2]; seen[[2]int{o, c}] != want {
				t.Errorf("output %d reads channel %d by %d weights, not %d", o, c, seen[[2]int{o, c}], want)
			}
		}
	}
	for _, transposed := range []int64{0, 1} {
		b := newBuilder(1, 5)
		shape := [][]int{{5, 7}, {7, 5}}[transposed]
		y := b.add("Gemm", []int{1, 7}, map[string]graph.Attr{"transB": transposed}, "x", b.constant(1, shape...), b.constant(1, 7))
		l := newNetwork(b.end(y), b.shapes).layers[0]
		if l.outputs() != 7 || l.inputs() != 5 {
			t.Errorf("transB=%d: %d outputs of %d inputs", transposed, l.outputs(), l.inputs())
		}
		l.each(func(place, o, c int) {
			if want := [2]int{c*7 + o, o*5 + c}[transposed]; place != want {
				t.Errorf("transB=%d: weight of %d and %d is at %d, not %d", transposed, o, c, place, want)
			}
		})
	}
}

// TestPercentile: a few values far outside do not stretch the range.
func TestPercentile(t *testing.T) {
	h := &histogram{lo: 0, width: 100.0 / bins}
	for i := range 100000 {
		h.add([]float32{float32(i%1000) / 1000})
	}
	h.add([]float32{100})
	_, hi := h.percentile(1e-4)
	if hi < 0.99 || hi > 1.1 {
		t.Errorf("the range ends at %v", hi)
	}
	if lo, hi := h.leastSquares(); lo != 0 || hi <= 0 {
		t.Errorf("least squares: %v…%v", lo, hi)
	}
}

func TestQuantizeEndsWhenCancelled(t *testing.T) {
	b, tap := residual()
	ctx, cancel := context.WithCancel(t.Context())
	opt := options(tap, 1, 3, 8, 8)
	opt.Progress = func(done, _ int64) {
		if done == 3 {
			cancel()
		}
	}
	if _, err := Quantize(ctx, b.end(tap), b.shapes, sampleOf(8), opt); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestUnreadableSampleIsAnError(t *testing.T) {
	b, tap := residual()
	bad := errors.New("broken photo")
	s := Sample{4, func(_ context.Context, i int, dst []float32) error {
		if i == 2 {
			return bad
		}
		return nil
	}}
	if _, err := Quantize(t.Context(), b.end(tap), b.shapes, s, options(tap, 1, 3, 8, 8)); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}
