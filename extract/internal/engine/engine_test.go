package engine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A builder makes graphs with random weights for tests.
type builder struct {
	*graph.Graph
	rng *rand.Rand
	n   int
}

func newBuilder(seed uint64, input ...int) *builder {
	dims := make([]graph.Dim, len(input))
	for i, d := range input {
		dims[i].Size = d
	}
	return &builder{Graph: &graph.Graph{
		Inputs:       []graph.Input{{Name: "x", DType: tensor.Float32, Dims: dims}},
		Initializers: map[string]*tensor.Tensor{},
		Opsets:       map[string]int64{"": 17},
	}, rng: rand.New(rand.NewPCG(seed, 7))}
}

func (b *builder) name(prefix string) string {
	b.n++
	return prefix + string(rune('a'+b.n/26%26)) + string(rune('a'+b.n%26))
}

// weights returns the name of a random initializer of deviation 1/√(values an output).
func (b *builder) weights(shape ...int) string {
	fan := float64(tensor.Len(shape)) / float64(shape[0])
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = float32(b.rng.NormFloat64() / math.Sqrt(fan))
	}
	return b.constant(tensor.New(x, shape...))
}

// positive returns the name of an initializer of values in [0.5, 1.5).
func (b *builder) positive(shape ...int) string {
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = 0.5 + b.rng.Float32()
	}
	return b.constant(tensor.New(x, shape...))
}

// filled returns the name of an initializer of one value.
func (b *builder) filled(v float32, shape ...int) string {
	return b.constant(tensor.New(slices.Repeat([]float32{v}, tensor.Len(shape)), shape...))
}

func (b *builder) constant(t *tensor.Tensor) string {
	name := b.name("c")
	b.Initializers[name] = t
	return name
}

func (b *builder) ints(values ...int64) string { return b.constant(tensor.New(values, len(values))) }

// add appends a node with one output and returns its name.
func (b *builder) add(op string, attrs map[string]graph.Attr, inputs ...string) string {
	out := b.name("v")
	b.Nodes = append(b.Nodes, &graph.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

func ints(v ...int64) []int64 { return v }

// check compiles the graph for tap with every kernel set, runs it, and compares
// with plain interpretation.
func (b *builder) check(t testing.TB, tap string) *Program {
	t.Helper()
	return b.checkWith(t, tap, b.image())
}

// image returns random values for the input.
func (b *builder) image() *tensor.Tensor {
	var shape []int
	for _, d := range b.Inputs[0].Dims {
		shape = append(shape, d.Size)
	}
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = float32(b.rng.NormFloat64())
	}
	return tensor.New(x, shape...)
}

func (b *builder) checkWith(t testing.TB, tap string, x *tensor.Tensor) *Program {
	t.Helper()
	res, err := op.Interpret(b.Graph, map[string]*tensor.Tensor{"x": x}, tap)
	if err != nil {
		t.Fatal(err)
	}
	want, in := tensor.Values[float32](res[tap]), imageOf(x)
	var p *Program
	var same exactBits
	for _, s := range kernel.Sets() {
		for _, cache := range []int{4 << 10, 0} { // a small cache cuts blocks into many strips and chunks
			opt := Options{Input: x.Shape, ChannelsLast: fedChannelsLast(x.Shape), Tap: tap, Pool: "none", Kernels: s.Name, Cache: cache}
			p = checkProgram(t, b.Graph, opt, in, want)
			same.check(t, p, in)
		}
	}
	return p
}

func checkProgram(t testing.TB, g *graph.Graph, opt Options, in, want []float32) *Program {
	t.Helper()
	p, err := compileVerified(g, opt)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner()
	got, before := make([]float32, p.Dim()), slices.Clone(in)
	for range 2 { // the second run must not see anything of the first
		if err := r.Run(context.Background(), in, got); err != nil {
			t.Fatal(err)
		}
		compare(t, opt.Kernels, got, want)
	}
	if !slices.Equal(in, before) {
		t.Fatalf("%s: the input has changed", opt.Kernels)
	}
	together := make([]float32, p.Dim())
	if err := p.NewParallelRunner(3).Run(context.Background(), in, together); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, together) {
		t.Fatalf("%s: three cores compute something else than one", opt.Kernels)
	}
	checkAllocations(t, p, r, in)
	return p
}

// checkAllocations fails if a runner of p that has run before allocates, unless the
// program has reference steps. What others allocate meanwhile, as the fuzzing engine does,
// is told from that by trying again.
func checkAllocations(t testing.TB, p *Program, r *Runner, in []float32) {
	t.Helper()
	if len(p.Stats().References) > 0 {
		return
	}
	out := make([]float32, p.Dim())
	n := 1.0
	for try := 0; n != 0 && try < 5; try++ {
		n = testing.AllocsPerRun(2, func() {
			if err := r.Run(context.Background(), in, out); err != nil {
				t.Fatal(err)
			}
		})
	}
	if n != 0 {
		t.Errorf("%s: %v allocations a run", p.Stats().Kernels, n)
	}
}

func compare(t testing.TB, set string, got, want []float32) {
	t.Helper()
	compareWithin(t, set, got, want, 1e-4)
}

// compareWithin allows differences of a fraction of the largest value.
func compareWithin(t testing.TB, set string, got, want []float32, tolerance float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", set, len(got), len(want))
	}
	top := float32(0)
	for _, w := range want {
		top = max(top, abs(w))
	}
	for i, g := range got {
		if !(abs(g-want[i]) <= tolerance*top+1e-6) {
			t.Fatalf("%s: value %d of %d: got %v, want %v (largest %v)", set, i, len(got), g, want[i], top)
		}
	}
}

func abs(x float32) float32 { return max(x, -x) }

func (b *builder) conv(x string, in, out, k, group int, attrs map[string]graph.Attr) string {
	if attrs == nil {
		attrs = map[string]graph.Attr{"auto_pad": "SAME_UPPER"}
	}
	attrs["group"] = int64(group)
	return b.add("Conv", attrs, x, b.weights(out, in/group, k, k), b.weights(out))
}

func (b *builder) batchNorm(x string, c int) string {
	return b.add("BatchNormalization", nil, x, b.positive(c), b.weights(c), b.weights(c), b.positive(c))
}

// trainingNorm adds a batch normalization by the statistics of x.
func (b *builder) trainingNorm(x string, c int) string {
	attrs := map[string]graph.Attr{"training_mode": int64(1), "epsilon": float32(1e-3)}
	y := b.add("BatchNormalization", attrs, x, b.positive(c), b.weights(c), b.weights(c), b.positive(c))
	last := b.Nodes[len(b.Nodes)-1]
	last.Outputs = append(last.Outputs, b.name("mean"), "")
	return y
}

// steps counts the steps that are not there for input, output or halos.
func steps(p *Program) int {
	n := 0
	for i, s := range p.plan.Steps {
		if _, halo := s.(*exec.ClearHalo); !halo && p.lines[i].Node != "input" && p.lines[i].Node != "output" {
			n++
		}
	}
	return n
}

func TestConvolutionTakesWhatFollows(t *testing.T) {
	b := newBuilder(1, 1, 5, 9, 8)
	x := b.conv("x", 5, 12, 3, 1, nil)
	x = b.add("Relu", nil, b.batchNorm(x, 12))
	y := b.batchNorm(b.conv(x, 12, 12, 3, 1, nil), 12)
	y = b.add("Relu", nil, b.add("Add", nil, x, y))
	if n := steps(b.check(t, y)); n != 2 {
		t.Errorf("%d steps, want 2", n)
	}
}

func TestConcatenationCostsNothing(t *testing.T) {
	b := newBuilder(2, 1, 3, 11, 13)
	x := b.conv("x", 3, 8, 3, 1, nil)
	l, m, r := b.conv(x, 8, 5, 1, 1, nil), b.conv(x, 8, 7, 3, 1, nil), b.conv(x, 8, 4, 5, 1, nil)
	c := b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, l, m, r)
	y := b.conv(c, 16, 6, 3, 1, nil)
	if n := steps(b.check(t, y)); n != 5 {
		t.Errorf("%d steps, want the 5 convolutions", n)
	}
}

func TestTransposesCostNothing(t *testing.T) {
	b := newBuilder(3, 1, 10, 9, 3)
	nchw := map[string]graph.Attr{"perm": ints(0, 3, 1, 2)}
	nhwc := map[string]graph.Attr{"perm": ints(0, 2, 3, 1)}
	x := b.conv(b.add("Transpose", nchw, "x"), 3, 8, 3, 1, nil)
	x = b.add("Relu", nil, b.add("Transpose", nhwc, x))
	x = b.conv(b.add("Transpose", nchw, x), 8, 8, 3, 8, nil)
	x = b.add("Transpose", nhwc, x)
	p := b.check(t, x)
	for i, s := range p.plan.Steps {
		switch s.(type) {
		case *exec.Permute, *exec.Copy:
			t.Errorf("%s needs %T", p.lines[i].Node, s)
		}
	}
}

func TestOperatorsOneByOne(t *testing.T) {
	vec := func(b *builder, x string) string { return b.add("Flatten", nil, b.add("GlobalAveragePool", nil, x)) }
	pool := func(op string, attrs map[string]graph.Attr) func(b *builder) string {
		return func(b *builder) string { return b.add(op, attrs, "x") }
	}
	cases := map[string]func(b *builder) string{
		"grouped":    func(b *builder) string { return b.conv("x", 6, 9, 3, 3, nil) },
		"multiplier": func(b *builder) string { return b.conv("x", 6, 12, 3, 6, nil) },
		"dilated": func(b *builder) string {
			return b.conv("x", 6, 5, 3, 1, map[string]graph.Attr{"dilations": ints(2, 2), "pads": ints(2, 1, 2, 2), "strides": ints(2, 1)})
		},
		"depthwise dilated": func(b *builder) string {
			return b.conv("x", 6, 6, 3, 6, map[string]graph.Attr{"dilations": ints(1, 2), "pads": ints(1, 2, 1, 2), "strides": ints(1, 2)})
		},
		"strided pointwise": func(b *builder) string { return b.conv("x", 6, 7, 1, 1, map[string]graph.Attr{"strides": ints(2, 2)}) },
		"max pool":          pool("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "pads": ints(1, 1, 1, 1)}),
		"max pool ceil":     pool("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "ceil_mode": int64(1)}),
		"average pool":      pool("AveragePool", map[string]graph.Attr{"kernel_shape": ints(3, 3), "auto_pad": "SAME_UPPER"}),
		"average pool padded": pool("AveragePool", map[string]graph.Attr{"kernel_shape": ints(3, 2), "strides": ints(2, 2),
			"pads": ints(1, 0, 1, 1), "count_include_pad": int64(1), "ceil_mode": int64(1)}),
		"mean": func(b *builder) string { return b.add("ReduceMean", map[string]graph.Attr{"axes": ints(2, 3)}, "x") },
		"mean alone": func(b *builder) string {
			return b.add("ReduceMean", map[string]graph.Attr{"axes": ints(2, 3), "keepdims": int64(0)}, "x")
		},
		"mean before a border": func(b *builder) string {
			return b.conv(b.add("GlobalAveragePool", nil, "x"), 6, 4, 3, 1, nil)
		},
		"batch norm in training mode": func(b *builder) string {
			return b.trainingNorm(b.conv("x", 6, 7, 3, 1, nil), 7)
		},
		"batch norm in training mode of the input": func(b *builder) string { return b.trainingNorm("x", 6) },
		"batch norm in training mode of vectors":   func(b *builder) string { return b.trainingNorm(vec(b, "x"), 6) },
		"batch norm with results of training": func(b *builder) string {
			b.Opsets[""] = 9
			y := b.batchNorm("x", 6)
			last := b.Nodes[len(b.Nodes)-1]
			last.Outputs = append(last.Outputs, b.name("mean"), b.name("variance"), b.name("mean"), b.name("variance"))
			return y
		},
		"global max": pool("GlobalMaxPool", nil),
		"gemm":       func(b *builder) string { return b.add("Gemm", nil, vec(b, "x"), b.weights(6, 11), b.weights(11)) },
		"gemm transposed": func(b *builder) string {
			return b.add("Gemm", map[string]graph.Attr{"transB": int64(1)}, vec(b, "x"), b.weights(11, 6), b.weights(11))
		},
		"squeeze and excite": func(b *builder) string {
			s := b.add("Sigmoid", nil, b.conv(b.add("GlobalAveragePool", nil, "x"), 6, 6, 1, 1, nil))
			return b.add("Mul", nil, "x", s)
		},
		"silu": func(b *builder) string {
			c := b.conv("x", 6, 6, 3, 1, nil)
			return b.add("Mul", nil, c, b.add("Sigmoid", nil, c))
		},
		"scale": func(b *builder) string { return b.add("Relu", nil, b.batchNorm("x", 6)) },
		"constants": func(b *builder) string {
			x := b.add("Mul", nil, b.positive(1), b.add("Sub", nil, b.positive(6, 1, 1), "x"))
			return b.add("Div", nil, b.add("Add", nil, x, b.positive(1, 6, 10, 7)), b.positive(7))
		},
		"pad": func(b *builder) string {
			p := b.add("Pad", nil, "x", b.ints(0, 0, 1, 0, 0, 0, 2, 1))
			return b.add("Add", nil, b.conv(p, 6, 4, 3, 1, map[string]graph.Attr{}), b.conv(b.add("Relu", nil, p), 6, 4, 3, 1, map[string]graph.Attr{}))
		},
		"shuffle": func(b *builder) string {
			r := b.add("Reshape", nil, b.conv("x", 6, 6, 1, 1, nil), b.ints(1, 2, 3, 10, 7))
			s := b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1, 3, 4)}, r)
			return b.conv(b.add("Reshape", nil, s, b.ints(1, 6, 10, 7)), 6, 6, 3, 6, nil)
		},
		"reference": func(b *builder) string {
			return b.conv(b.add("LRN", map[string]graph.Attr{"size": int64(3)}, "x"), 6, 4, 3, 1, nil)
		},
		"neighbours of an even number": func(b *builder) string {
			return b.add("LRN", map[string]graph.Attr{"size": int64(4), "beta": float32(0.5), "alpha": float32(0.3), "bias": float32(2)}, "x")
		},
		"neighbours": func(b *builder) string {
			return b.add("LRN", map[string]graph.Attr{"size": int64(5), "alpha": float32(0.7)}, b.conv("x", 6, 20, 3, 1, nil))
		},
		"concat outer": func(b *builder) string {
			return b.add("Concat", map[string]graph.Attr{"axis": int64(2)}, "x", b.conv("x", 6, 6, 3, 1, nil), "x")
		},
		"same value twice": func(b *builder) string {
			c := b.conv("x", 6, 6, 3, 1, nil)
			return b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, c, b.add("Add", nil, c, c), c)
		},
		"attention": func(b *builder) string {
			x := b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, b.add("Reshape", nil, "x", b.ints(1, 6, 70)))
			q, k := b.add("MatMul", nil, x, b.weights(6, 8)), b.add("MatMul", nil, x, b.weights(6, 8))
			a := b.add("Softmax", map[string]graph.Attr{"axis": int64(-1)}, b.add("MatMul", nil, q, b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, k)))
			return b.add("ReduceMean", map[string]graph.Attr{"axes": ints(1), "keepdims": int64(0)}, b.add("MatMul", nil, a, b.add("MatMul", nil, x, b.weights(6, 8))))
		},
	}
	for name, build := range cases {
		for _, batch := range []int{1, 2} {
			if batch == 2 && slices.Contains([]string{"shuffle", "attention", "constants"}, name) {
				continue // shapes written for one image
			}
			t.Run(name, func(t *testing.T) {
				b := newBuilder(uint64(batch), batch, 6, 10, 7)
				if refs := b.check(t, build(b)).Stats().References; strings.HasPrefix(name, "batch norm") && len(refs) > 0 {
					t.Errorf("by reference: %q", refs)
				}
			})
		}
	}
}

func TestActivationsOneByOne(t *testing.T) {
	for name := range activations {
		t.Run(name, func(t *testing.T) {
			b := newBuilder(5, 1, 6, 5, 4)
			x := b.conv("x", 6, 6, 1, 1, nil)
			if name == "Sqrt" {
				x = b.add("Abs", nil, x)
			}
			if name == "Gelu" {
				b.Opsets[""] = 20
			}
			b.check(t, b.add(name, nil, x))
		})
	}
}

func TestRunnersAgreeAndDoNotAllocate(t *testing.T) {
	b := newBuilder(6, 1, 3, 20, 20)
	x := b.add("Relu", nil, b.conv("x", 3, 16, 3, 1, nil))
	x = b.add("Add", nil, x, b.conv(b.conv(x, 16, 16, 3, 16, nil), 16, 16, 1, 1, nil))
	x = b.add("GlobalAveragePool", nil, b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(2, 2)}, x))
	p, err := compileVerified(b.Graph, Options{Input: []int{1, 3, 20, 20}, Tap: x})
	if err != nil {
		t.Fatal(err)
	}
	in := make([]float32, 3*20*20)
	for i := range in {
		in[i] = b.rng.Float32()
	}
	results := make([][]float32, 4)
	var wg sync.WaitGroup
	for i := range results {
		results[i] = make([]float32, p.Dim())
		wg.Go(func() {
			r := p.NewRunner()
			for range 5 {
				if err := r.Run(context.Background(), in, results[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range results {
		if !slices.Equal(results[i], results[0]) {
			t.Errorf("runner %d differs from runner 0", i)
		}
	}
	for _, cores := range []int{1, 2} {
		r := p.NewParallelRunner(cores)
		if err := r.Run(context.Background(), in, results[0]); err != nil {
			t.Fatal(err)
		}
		checkAllocations(t, p, r, in)
	}
}

// TestWorkersHaveAllTheyNeed: which worker of a pool of workers does which part of a step is a matter
// of chance, so one that comes to it late must not allocate then.
func TestWorkersHaveAllTheyNeed(t *testing.T) {
	b := newBuilder(6, 1, 3, 12, 12)
	x := b.conv(b.conv(b.conv("x", 3, 96, 1, 1, nil), 96, 96, 3, 96, nil), 96, 8, 1, 1, nil)
	x = b.add("Mul", nil, x, b.add("Sigmoid", nil, b.conv(b.add("GlobalAveragePool", nil, x), 8, 8, 1, 1, nil)))
	x = b.add("Reshape", nil, b.add("MaxPool", map[string]graph.Attr{"kernel_shape": ints(3, 3)}, x), b.ints(1, 8, 100))
	x = b.add("MatMul", nil, x, b.add("Transpose", map[string]graph.Attr{"perm": ints(0, 2, 1)}, x))
	p, err := compileVerified(b.Graph, Options{Input: []int{1, 3, 12, 12}, Tap: x, Pool: "none"})
	if err != nil {
		t.Fatal(err)
	}
	r, worker, in, out := p.NewParallelRunner(3), 0, make([]float32, 3*12*12), make([]float32, p.Dim())
	n := testing.AllocsPerRun(1, func() { // calls it twice
		worker++
		if err := r.RunOn(t.Context(), worker, in, out); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("the last of 3 workers allocated %v times", n)
	}
}

func TestRunGivesUpWhenTheContextEnds(t *testing.T) {
	b := newBuilder(7, 1, 3, 8, 8)
	p, err := compileVerified(b.Graph, Options{Input: []int{1, 3, 8, 8}, Tap: b.conv("x", 3, 4, 3, 1, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.NewRunner().Run(ctx, make([]float32, 192), make([]float32, p.Dim())); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCompileRefusesWithAReason(t *testing.T) {
	b := newBuilder(8, 1, 3, 8, 8)
	y := b.conv("x", 3, 4, 3, 1, nil)
	w := b.add("Relu", nil, b.weights(3))
	z := b.add("NoSuchOperator", nil, y)
	cases := []struct {
		opt  Options
		want string
	}{
		{Options{Input: []int{1, 3, 8, 8}, Tap: "nothing"}, `no tensor called "nothing"`},
		{Options{Input: []int{1, 3, 9, 8}, Tap: y}, "fixed to 8"},
		{Options{Input: []int{3, 8, 8}, Tap: y}, "dimensions"},
		{Options{Input: []int{1, 3, 8, 8}, Tap: y, Pool: "median"}, "no such pooling"},
		{Options{Input: []int{1, 3, 8, 8}, Tap: y, Kernels: "abacus"}, "no kernels called"},
		{Options{Input: []int{1, 3, 8, 8}, Tap: w}, "depend"},
		{Options{Input: []int{1, 3, 8, 8}, Tap: z}, "NoSuchOperator"},
	}
	for _, c := range cases {
		if _, err := compileVerified(b.Graph, c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.opt, err, c.want)
		}
	}
	if _, err := compileVerified(b.Graph, Options{Input: []int{1, 3, 8, 8}, Tap: y}); err != nil {
		t.Errorf("an unsupported operator behind the tap matters: %v", err)
	}
}
