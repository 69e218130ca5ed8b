package passes

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A builder makes graphs with random weights.
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
		Opsets:       map[string]int64{"": 17, "com.microsoft": 1},
	}, rng: rand.New(rand.NewPCG(seed, 7))}
}

func (b *builder) name(prefix string) string {
	b.n++
	return fmt.Sprintf("%s%d", prefix, b.n)
}

func (b *builder) weights(shape ...int) string {
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = float32(b.rng.NormFloat64())
	}
	return b.constant(tensor.New(x, shape...))
}

func (b *builder) constant(t *tensor.Tensor) string {
	name := b.name("c")
	b.Initializers[name] = t
	return name
}

// add appends a node with one output and returns its name.
func (b *builder) add(op string, attrs map[string]graph.Attr, inputs ...string) string {
	out := b.name("v")
	b.Nodes = append(b.Nodes, &graph.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

// microsoft appends a node of ONNX Runtime's own operators.
func (b *builder) microsoft(op string, attrs map[string]graph.Attr, inputs ...string) string {
	y := b.add(op, attrs, inputs...)
	b.Nodes[len(b.Nodes)-1].Domain = "com.microsoft"
	return y
}

// conv appends a convolution of k×k that keeps the size.
func (b *builder) conv(x string, in, out, k int) string {
	pad := int64(k / 2)
	return b.add("Conv", map[string]graph.Attr{"pads": []int64{pad, pad, pad, pad}}, x, b.weights(out, in, k, k))
}

// interpret evaluates one value of a graph for an input.
func interpret(t *testing.T, g *graph.Graph, x *tensor.Tensor, tap string) *tensor.Tensor {
	t.Helper()
	out, err := op.Interpret(g, map[string]*tensor.Tensor{g.Inputs[0].Name: x}, tap)
	if err != nil {
		t.Fatal(err)
	}
	return out[tap]
}

// image returns random values of the type and shape of the graph's input.
func image(g *graph.Graph, seed uint64, shape ...int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(seed, 3))
	x := make([]float32, tensor.Len(shape))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	if g.Inputs[0].DType != tensor.Float16 {
		return tensor.New(x, shape...)
	}
	h := make([]tensor.Half, len(x))
	for i, v := range x {
		h[i] = tensor.ToHalf(v)
	}
	return tensor.New(h, shape...)
}

// float32s returns the values of a tensor of floats.
func float32s(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	switch x.DType {
	case tensor.Float32:
		return tensor.Values[float32](x)
	case tensor.Float16:
		var v []float32
		for _, h := range tensor.Values[tensor.Half](x) {
			v = append(v, h.Float32())
		}
		return v
	}
	t.Fatalf("values of type %v", x.DType)
	return nil
}

// agree compares two tensors by a share of the largest value, and by step.
func agree(t *testing.T, what string, got, want *tensor.Tensor, share, step float64) {
	t.Helper()
	if !slices.Equal(got.Shape, want.Shape) {
		t.Errorf("%s: shape %v, want %v", what, got.Shape, want.Shape)
		return
	}
	g, w := float32s(t, got), float32s(t, want)
	most := 0.0
	for _, v := range w {
		most = max(most, math.Abs(float64(v)))
	}
	if most == 0 {
		t.Errorf("%s: all values are 0: nothing was shown", what)
	}
	for i := range w {
		if d := math.Abs(float64(g[i] - w[i])); !(d <= share*most+step) {
			t.Errorf("%s: value %d is %g, want %g", what, i, g[i], w[i])
			return
		}
	}
}

// verify fails unless every value is defined once, before it is read, and every output
// is defined.
func verify(t *testing.T, what string, g *graph.Graph) {
	t.Helper()
	verifyIn(t, what, g, map[string]bool{})
}

func verifyIn(t *testing.T, what string, g *graph.Graph, outer map[string]bool) {
	t.Helper()
	defined := maps.Clone(outer)
	for _, in := range g.Inputs {
		defined[in.Name] = true
	}
	for name := range g.Initializers {
		defined[name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.Reads() {
			// What a graph inside a node reads of its own is looked at below.
			if !defined[name] && slices.Contains(n.Inputs, name) {
				t.Errorf("%s: %s reads %q before it is computed", what, n.Label(), name)
			}
		}
		for _, a := range n.Attrs {
			if inner, ok := a.(*graph.Graph); ok {
				verifyIn(t, what, inner, defined)
			}
		}
		for _, o := range n.Outputs {
			if o != "" && defined[o] && !outer[o] {
				t.Errorf("%s: %s computes %q, which exists already", what, n.Label(), o)
			}
			defined[o] = true
		}
	}
	for _, o := range g.Outputs {
		if !defined[o.Name] {
			t.Errorf("%s: output %q is not computed", what, o.Name)
		}
	}
}

// snapshot describes a graph and everything in it but the values of its tensors, to see
// whether it was changed.
func snapshot(g *graph.Graph) string {
	s := fmt.Sprintln(g.Name, g.Inputs, g.Outputs, g.Opsets)
	for _, name := range slices.Sorted(maps.Keys(g.Initializers)) {
		t := g.Initializers[name]
		s += fmt.Sprintln(name, t.DType, t.Shape)
	}
	for _, n := range g.Nodes {
		s += fmt.Sprintln(n.Name, n.Domain, n.Op, n.Inputs, n.Outputs)
		for _, key := range slices.Sorted(maps.Keys(n.Attrs)) {
			switch a := n.Attrs[key].(type) {
			case *graph.Graph:
				s += key + snapshot(a)
			case *tensor.Tensor:
				s += fmt.Sprintln(key, a.DType, a.Shape)
			default:
				s += fmt.Sprintln(key, a)
			}
		}
	}
	return s
}
