package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A trial is a node with inputs drawn for it.
type trial struct {
	*rapid.T
	node   *graph.Node
	opset  int64
	in     []*tensor.Tensor
	frozen map[int]bool // inputs of numbers that have no gradient: statistics, bounds
}

func (t *trial) int(lo, hi int, label string) int { return rapid.IntRange(lo, hi).Draw(t.T, label) }

func (t *trial) shape(lo, hi int) []int {
	return rapid.SliceOfN(rapid.IntRange(1, 4), lo, hi).Draw(t.T, "shape")
}

// set gives the node an attribute.
func (t *trial) set(name string, a graph.Attr) { t.node.Attrs[name] = a }

// input adds an input of values that differ from each other and from all kinks by much
// more than the steps that differences are taken with.
func (t *trial) input(shape ...int) *tensor.Tensor {
	return t.scaled(4, 0.0171, shape...)
}

// positive adds one of values between 0.5 and 2.5.
func (t *trial) positive(shape ...int) *tensor.Tensor { return t.scaled(2, 1.5, shape...) }

func (t *trial) scaled(width, middle float64, shape ...int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(uint64(len(t.in)), rapid.Uint64().Draw(t.T, "values")))
	v := make([]float64, tensor.Len(shape))
	for i, k := range rng.Perm(len(v)) {
		v[i] = middle + width*((float64(k)+0.37)/float64(len(v))-0.5)
	}
	x := tensor.New(v, shape...)
	t.in = append(t.in, x)
	return x
}

func (t *trial) ints(v ...int64) { t.in = append(t.in, tensor.New(v, len(v))) }

func (t *trial) freeze(i int) { t.frozen[i] = true }

// graph is the node alone, its inputs i0, i1, … and outputs y0, y1, …
func (t *trial) graph() (*graph.Graph, map[string]*tensor.Tensor) {
	g := &graph.Graph{Opsets: map[string]int64{"": t.opset}, Initializers: map[string]*tensor.Tensor{}, Nodes: []*graph.Node{t.node}}
	values := map[string]*tensor.Tensor{}
	t.node.Inputs = nil
	for i, x := range t.in {
		if x == nil {
			t.node.Inputs = append(t.node.Inputs, "")
			continue
		}
		name := fmt.Sprint("i", i)
		t.node.Inputs = append(t.node.Inputs, name)
		g.Inputs = append(g.Inputs, graph.Input{Name: name, DType: x.DType})
		values[name] = x
	}
	return g, values
}

// check compares the gradient by every input with central differences.
func (t *trial) check() {
	g, values := t.graph()
	tape, err := Record(g, values)
	if err != nil {
		t.Fatalf("%v %v: %v", t.node.Attrs, t.in, err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, name := range t.node.Outputs {
		y := tape.Value(name)
		dy := make([]float64, tensor.Len(y.Shape))
		for i := range dy {
			dy[i] = rng.NormFloat64()
		}
		got, err := tape.Backward(name, dy)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range t.in {
			if x == nil || x.DType != tensor.Float64 || t.frozen[i] {
				continue
			}
			t.compare(i, name, dy, got[fmt.Sprint("i", i)])
		}
	}
}

// compare checks some elements of the gradient by an input.
func (t *trial) compare(i int, output string, dy, got []float64) {
	n := tensor.Len(t.in[i].Shape)
	if len(got) != n {
		t.Fatalf("the gradient by input %d has %d values, not %d", i, len(got), n)
	}
	norm := 0.0
	for _, v := range got {
		norm += v * v
	}
	norm = math.Sqrt(norm) + 1e-3
	for k := 0; k < n; k += 1 + n/24 {
		const h = 1e-5
		want := (t.loss(i, k, h, output, dy) - t.loss(i, k, -h, output, dy)) / (2 * h)
		if math.Abs(got[k]-want) > 1e-6*norm {
			t.Fatalf("%s %v of %v: by element %d of input %d the gradient is %v, differences give %v", t.node.Op, t.node.Attrs, t.in, k, i, got[k], want)
		}
	}
}

// loss is Σ dy·y with an element of an input moved.
func (t *trial) loss(i, k int, h float64, output string, dy []float64) (sum float64) {
	in := slices.Clone(t.in)
	v := slices.Clone(tensor.Values[float64](in[i]))
	v[k] += h
	in[i] = tensor.New(v, in[i].Shape...)
	out, err := op.Eval(t.node, t.opset, in)
	if err != nil {
		t.Fatal(err)
	}
	for k, y := range tensor.Values[float64](out[slices.Index(t.node.Outputs, output)]) {
		sum += y * dy[k]
	}
	return sum
}

// TestRulesAgainstDifferences holds every rule against central differences of the
// operator, for drawn shapes and attributes.
func TestRulesAgainstDifferences(t *testing.T) {
	for name := range Operators() {
		if trials[name] == nil {
			t.Errorf("%s has no trial", name)
		}
	}
	for name, prepare := range trials {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				x := &trial{T: r, opset: 18, frozen: map[int]bool{}, node: &graph.Node{Op: name, Outputs: []string{"y0"}, Attrs: map[string]graph.Attr{}}}
				prepare(x)
				x.check()
			})
		})
	}
}
