package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// TestEverythingLearnedIsTrained: in every family each initializer that looks like weights
// is a parameter, and every parameter is an initializer.
func TestEverythingLearnedIsTrained(t *testing.T) {
	for i, v := range trainable() {
		if testing.Short() && i%3 != 1 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m := v.Small()
			g := foldedGraph(t, m, m.Shape)
			tr, err := CompileTraining(g, Options{Input: m.Shape, Tap: m.Tap}, 1)
			if err != nil {
				t.Fatal(err)
			}
			trained := map[string]bool{}
			for _, p := range tr.Parameters() {
				trained[p.Name] = true
				if g.Initializers[p.Name] == nil {
					t.Errorf("the parameter %s is no initializer", p.Name)
				}
			}
			for name, w := range g.Initializers {
				x, ok := w.Data.([]float32)
				if ok && len(x) > 0 && learned(x) && !trained[name] && !strings.HasPrefix(name, "normalization/") {
					t.Errorf("%s %v is not trained", name, w.Shape)
				}
			}
		})
	}
}

// operandCases use constants as a whole, behind features of 6 channels, 7×5 pixels.
var operandCases = map[string]func(b *builder, x string) (y string, trained []string){
	"positions": func(b *builder, x string) (string, []string) {
		p := b.weights(1, 35, 6)
		return b.add("Add", nil, b.tokens(x), p), []string{p}
	},
	"positions before": func(b *builder, x string) (string, []string) {
		p := b.weights(35, 6)
		return b.add("Relu", nil, b.add("Add", nil, p, b.tokens(x))), []string{p}
	},
	"positions of an image": func(b *builder, x string) (string, []string) {
		p := b.weights(6, 7, 1)
		return b.add("Add", nil, x, p), []string{p}
	},
	"class token": func(b *builder, x string) (string, []string) {
		p := b.weights(1, 1, 6)
		batch := b.add("Slice", nil, b.add("Shape", nil, x), b.ints(0), b.ints(1), b.ints(0))
		shape := b.add("Concat", map[string]graph.Attr{"axis": int64(0)}, batch, b.ints(-1), b.ints(-1))
		token := b.add("Expand", nil, p, b.add("Abs", nil, shape)) // -1 becomes 1
		return b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, token, b.tokens(x)), []string{p}
	},
	"a table that is looked up": func(b *builder, x string) (string, []string) {
		p := b.weights(5, 3)
		n := b.add("Size", nil, x) // so that nothing is folded
		index := b.add("Mod", nil, b.add("Add", nil, b.ints(0, 1, 2, 3, 4, 3, 2), b.add("Mul", nil, n, b.constant(tensor.New([]int64{0})))), b.ints(5))
		rows := b.add("Unsqueeze", nil, b.transpose(b.add("Gather", nil, p, index), 1, 0), b.ints(2)) // 3×7×1
		return b.add("Add", nil, b.conv(x, 6, 3, 1, 1, nil), rows), []string{p}
	},
	"einsum": func(b *builder, x string) (string, []string) {
		w, p := b.weights(6, 2, 4), b.weights(2, 4)
		y := b.add("Einsum", map[string]graph.Attr{"equation": "abc,cde->abde"}, b.tokens(x), w)
		return b.add("Add", nil, y, p), []string{w, p}
	},
	"einsum with a constant before": func(b *builder, x string) (string, []string) {
		w := b.weights(3, 6)
		return b.add("Einsum", map[string]graph.Attr{"equation": "oc,bchw->bohw"}, w, x), []string{w}
	},
	"shared, so frozen": func(b *builder, x string) (string, []string) {
		p := b.weights(6, 7, 1)
		return b.add("Add", nil, b.add("Relu", nil, b.add("Add", nil, x, p)), p), nil
	},
	"a mask, so frozen": func(b *builder, x string) (string, []string) {
		mask := make([]float32, 35)
		for i := range mask {
			mask[i] = float32(i%2) * -100
		}
		return b.add("Add", nil, x, b.constant(tensor.New(mask, 7, 5))), nil
	},
	"added to attention": func(b *builder, x string) (string, []string) {
		b.Opsets[""] = 23
		p, y := b.weights(1, 2, 35, 35), b.tokens(x)
		attrs := map[string]graph.Attr{"q_num_heads": int64(2), "kv_num_heads": int64(2)}
		return b.add("Attention", attrs, y, y, y, p), []string{p}
	},
}

// tokens makes a row of every pixel.
func (b *builder) tokens(x string) string {
	return b.transpose(b.add("Reshape", nil, x, b.ints(0, 6, -1)), 0, 2, 1)
}

func (b *builder) transpose(x string, perm ...int64) string {
	return b.add("Transpose", map[string]graph.Attr{"perm": perm}, x)
}

// TestConstantOperandsAreTrained: those that are added and joined as a whole, with the
// gradients of the reference, and the network computes with what they become.
func TestConstantOperandsAreTrained(t *testing.T) {
	for name, build := range operandCases {
		for _, batch := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d images", name, batch), func(t *testing.T) {
				b := newBuilder(4, batch, 3, 7, 5)
				y, trained := build(b, b.conv("x", 3, 6, 3, 1, map[string]graph.Attr{"pads": ints(1, 1, 1, 1)}))
				b.checkTrained(t, y, trained...)
				b.checkMoved(t, y, 2+len(trained))
			})
		}
	}
}

// checkMoved moves all parameters, of which there are at least so many, and compares what
// the network then computes with the reference.
func (b *builder) checkMoved(t *testing.T, tap string, least int) {
	t.Helper()
	x := b.image()
	opt := Options{Input: x.Shape, ChannelsLast: fedChannelsLast(x.Shape), Tap: tap, Pool: "none"}
	tr, err := CompileTraining(b.Graph, opt, 2)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tr.Parameters()); n < least {
		t.Errorf("%d parameters, not %d", n, least)
	}
	rng, moved := rand.New(rand.NewPCG(7, 7)), *b.Graph
	moved.Initializers = map[string]*tensor.Tensor{}
	for name, w := range b.Initializers {
		moved.Initializers[name] = w
	}
	for _, p := range tr.Parameters() {
		for i := range p.Values {
			p.Values[i] += float32(rng.NormFloat64())
		}
		moved.Initializers[p.Name] = p.Tensor()
	}
	tr.Update()
	res, err := op.Interpret(&moved, map[string]*tensor.Tensor{"x": x}, tap)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, tr.OutputLen())
	if err := tr.Forward(t.Context(), imageOf(x), out); err != nil {
		t.Fatal(err)
	}
	compare(t, "moved", out, tensor.Values[float32](res[tap]))
	if slices.Max(out) == slices.Min(out) {
		t.Error("all results are the same")
	}
}
