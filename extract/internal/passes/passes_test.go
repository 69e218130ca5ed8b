package passes

import (
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
)

// Every pass keeps what every family computes, as every exporter writes it; what comes
// out is well formed, and the graph that goes in is not changed.
func TestPassesKeepTheTap(t *testing.T) {
	rewritten := map[string]int{} // families that a pass changed
	for _, v := range zoo.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			c := v.SmallConfig()
			c.Width, c.Repeat = c.Width/2, 1 // the reference operators are slow
			m := v.Build(c)
			g, err := onnx.Parse(m.Data, onnx.Options{External: m.FS()})
			if err != nil {
				t.Fatal(err)
			}
			if tap, _, err := FindTap(g); tap != m.Tap || err != nil {
				t.Errorf("tap %q, want %q (%v)", tap, m.Tap, err)
			}
			checkPasses(t, g, m, rewritten)
		})
	}
	for _, pass := range []string{"CastFP16", "DecomposeQuantized", "Specialize", "FoldConstants", "FoldBatchNorm", "Upgrade"} {
		if rewritten[pass] == 0 {
			t.Errorf("no network shows what %s does", pass)
		}
	}
}

func checkPasses(t *testing.T, whole *graph.Graph, m *zoo.Model, rewritten map[string]int) {
	x := image(whole, 1, m.Shape...)
	want := interpret(t, whole, x, m.Tap)
	g := whole
	step := func(pass string, share float64, rewrite func(g *graph.Graph) (*graph.Graph, error)) {
		t.Helper()
		before := snapshot(g)
		next, err := rewrite(g)
		if err != nil {
			t.Fatalf("%s: %v", pass, err)
		}
		if snapshot(g) != before {
			t.Errorf("%s changed the graph that it was given", pass)
		}
		g = next
		if snapshot(next) == before {
			return
		}
		rewritten[pass]++
		verify(t, pass, next)
		agree(t, pass, interpret(t, next, image(next, 1, m.Shape...), m.Tap), want, share, 1.01*m.Quantum)
	}
	step("Prune", 0, func(g *graph.Graph) (*graph.Graph, error) { return Prune(g, m.Tap) })
	casts := rewritten["CastFP16"]
	step("CastFP16", 0.02, func(g *graph.Graph) (*graph.Graph, error) { return CastFP16(g), nil })
	if rewritten["CastFP16"] > casts {
		want = interpret(t, g, image(g, 1, m.Shape...), m.Tap) // from here on in float32
	}
	step("DecomposeQuantized", 1e-5, func(g *graph.Graph) (*graph.Graph, error) { return DecomposeQuantized(g), nil })
	var known map[string]*tensor.Tensor
	specialize := func(g *graph.Graph) (next *graph.Graph, err error) {
		next, known, err = Specialize(g, m.Tap, m.Shape, 1)
		return next, err
	}
	step("Specialize", 1e-5, specialize)
	step("DecomposeFused", 1e-5, func(g *graph.Graph) (*graph.Graph, error) {
		next, changed := DecomposeFused(g, known)
		if changed != (snapshot(next) != snapshot(g)) {
			t.Errorf("DecomposeFused: changed is %v", changed)
		}
		return next, nil
	})
	step("Specialize again", 0, specialize)
	step("FoldConstants", 0, func(g *graph.Graph) (*graph.Graph, error) { return FoldConstants(g, known), nil })
	step("Specialize once more", 0, specialize)
	step("FoldBatchNorm", 1e-5, func(g *graph.Graph) (*graph.Graph, error) { return FoldBatchNorm(g), nil })
	step("Specialize at last", 0, specialize)
	step("Upgrade", 1e-5, func(g *graph.Graph) (*graph.Graph, error) { return Upgrade(g, known, PerChannelOpset) })
	step("Upgrade further", 1e-5, func(g *graph.Graph) (*graph.Graph, error) { return Upgrade(g, known, AntialiasOpset) })
	checkCuts(t, g, m, known, want)
}

// checkCuts parts a network at three of its cuts: the lower half and then the upper one
// compute what the whole does.
func checkCuts(t *testing.T, g *graph.Graph, m *zoo.Model, known map[string]*tensor.Tensor, want *tensor.Tensor) {
	t.Helper()
	cuts := Cuts(g, known)
	if cuts[0].Tensor != g.Inputs[0].Name || cuts[0].Below != 0 || len(cuts) < 3 {
		t.Fatalf("%d cuts, the first %+v", len(cuts), cuts[0])
	}
	for i := 1; i < len(cuts); i++ {
		if cuts[i].Below < cuts[i-1].Below || cuts[i].Below > 1 {
			t.Errorf("cut %d of %d: %+v comes after %+v", i, len(cuts), cuts[i], cuts[i-1])
		}
	}
	for _, c := range []Cut{cuts[1], cuts[len(cuts)/2], cuts[len(cuts)-1]} {
		lower, err := Prune(g, c.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		x := interpret(t, lower, image(lower, 1, m.Shape...), c.Tensor)
		upper, err := Above(g, c, known)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, "Above "+c.Tensor, upper)
		agree(t, "parted at "+c.Tensor, interpret(t, upper, x, m.Tap), want, 1e-5, 1.01*m.Quantum)
	}
}

func TestPruneRefuses(t *testing.T) {
	b := newBuilder(1, 1, 3, 8, 8)
	b.Outputs = []graph.Output{{Name: b.conv("x", 3, 4, 1)}}
	for _, tap := range []string{"nonesuch", "x", ""} {
		if _, err := Prune(b.Graph, tap); err == nil || !strings.Contains(err.Error(), "computes no tensor called") {
			t.Errorf("%q: %v", tap, err)
		}
	}
}

// Inputs that the tap does not need are left out, and so is what lies behind it.
func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	b := newBuilder(1, 1, 3, 8, 8)
	b.Inputs = append(b.Inputs, graph.Input{Name: "temperature", DType: tensor.Float32})
	tap := b.add("Relu", nil, b.conv("x", 3, 4, 1))
	scaled := b.add("Mul", nil, tap, "temperature")
	b.Outputs = []graph.Output{{Name: scaled}}
	for name, want := range map[string][2]int{tap: {2, 1}, scaled: {3, 2}} {
		g, err := Prune(b.Graph, name)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, name, g)
		if got := [2]int{len(g.Nodes), len(g.Inputs)}; got != want || g.Outputs[0].Name != name {
			t.Errorf("%s: %d nodes and %d inputs, want %v", name, got[0], got[1], want)
		}
	}
}

// What has a form that a pass does not know stays as it is: nothing is half replaced.
func TestDecompositionsLeaveTheUnknown(t *testing.T) {
	b := newBuilder(2, 1, 4, 6, 6)
	scale, zero := b.constant(tensor.New([]float32{0.25})), b.constant(tensor.New([]uint8{120}))
	scales := b.constant(tensor.New([]float32{0.5, 0.25, 0.125, 1}, 4)) // of a sum: one is needed
	q := b.add("QuantizeLinear", nil, "x", scale, zero)
	sum := b.microsoft("QLinearAdd", nil, q, scales, zero, q, scale, zero, scale, zero)
	back := b.add("DequantizeLinear", nil, sum, scale, zero)
	y := b.microsoft("FusedConv", map[string]graph.Attr{"activation": "Nonesuch"}, back, b.weights(4, 4, 1, 1))
	b.Outputs = []graph.Output{{Name: y}}
	if DecomposeQuantized(b.Graph) != b.Graph {
		t.Error("a sum with four scales was replaced")
	}
	known := map[string]*tensor.Tensor{back: tensor.Abstract(tensor.Float32, 1, 4, 6, 6)}
	g, changed := DecomposeFused(b.Graph, known)
	if changed || snapshot(g) != snapshot(b.Graph) {
		t.Error("a convolution with an unknown activation was replaced")
	}
}

// Fused operators and their decompositions compute the same.
func TestDecomposeFused(t *testing.T) {
	relu := map[string]graph.Attr{"activation": "Relu"}
	for name, build := range map[string]func(b *builder) string{
		"FusedConv": func(b *builder) string {
			return b.microsoft("FusedConv", relu, "x", b.weights(4, 3, 1, 1), b.weights(4))
		},
		"FusedGemm": func(b *builder) string {
			return b.microsoft("FusedGemm", relu, b.add("Flatten", nil, "x"), b.weights(3*6*5, 4), b.weights(4))
		},
		"FusedMatMul": func(b *builder) string {
			attrs := map[string]graph.Attr{"transA": int64(1), "alpha": float32(0.5)}
			return b.microsoft("FusedMatMul", attrs, "x", b.weights(1, 3, 6, 2))
		},
		"QuickGelu": func(b *builder) string { return b.microsoft("QuickGelu", nil, "x") },
		"BiasGelu":  func(b *builder) string { return b.microsoft("BiasGelu", nil, "x", b.weights(5)) },
	} {
		b := newBuilder(3, 1, 3, 6, 5)
		y := build(b)
		b.Outputs = []graph.Output{{Name: y}}
		g, known, err := Specialize(b.Graph, y, []int{1, 3, 6, 5}, 1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g, changed := DecomposeFused(g, known)
		if !changed {
			t.Errorf("%s is not decomposed", name)
		}
		verify(t, name, g)
		x := image(g, 2, 1, 3, 6, 5)
		agree(t, name, interpret(t, g, x, y), interpret(t, b.Graph, x, y), 1e-5, 0)
	}
}

// Folding is bounded by the graph's own weights, and more is allowed with more memory.
func TestFoldLimits(t *testing.T) {
	small, large := newBuilder(1, 1, 3, 8, 8), newBuilder(1, 1, 3, 8, 8)
	large.weights(1000, 1000)
	if a, b := FoldLimits(small.Graph, 1), FoldLimits(large.Graph, 1); b.Bytes-a.Bytes != 8e6 {
		t.Errorf("8 bytes for each weight: %g and %g", a.Bytes, b.Bytes)
	}
	usual := op.DefaultLimits()
	for share, want := range map[float64]int{0: usual.Elements, 1: usual.Elements, 3: 3 * usual.Elements} {
		if got := FoldLimits(small.Graph, share).Elements; got != want {
			t.Errorf("share %g: %d elements, want %d", share, got, want)
		}
	}
}
