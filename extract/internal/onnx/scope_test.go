package onnx_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"pgregory.net/rapid"
)

// checkOrder checks that every value is there before it is read.
func checkOrder(t rapid.TB, g *graph.Graph, around ...string) {
	t.Helper()
	have := map[string]bool{"": true}
	for _, name := range around {
		have[name] = true
	}
	for _, in := range g.Inputs {
		have[in.Name] = true
	}
	for name := range g.Initializers {
		have[name] = true
	}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if !have[in] {
				t.Fatalf("%s reads %q before it is computed", n.Label(), in)
			}
		}
		for _, a := range n.Attrs {
			if body, ok := a.(*graph.Graph); ok {
				names := []string{}
				for name := range have {
					names = append(names, name)
				}
				checkOrder(t, body, names...)
			}
		}
		for _, out := range n.Outputs {
			have[out] = true
		}
	}
	for _, out := range g.Outputs {
		if !have[out.Name] {
			t.Fatalf("output %q is not computed", out.Name)
		}
	}
}

// Nodes may come in any order; they leave in one that can be run.
func TestNodesAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "nodes")
		nodes := make([]onnxtest.Node, n)
		for i := range nodes {
			nodes[i] = onnxtest.Node{Op: "Sum", Outputs: []string{fmt.Sprintf("v%d", i)}}
			for range rapid.IntRange(0, 3).Draw(t, "inputs") {
				in := "x"
				if j := rapid.IntRange(-1, i-1).Draw(t, "input"); j >= 0 {
					in = fmt.Sprintf("v%d", j)
				}
				nodes[i].Inputs = append(nodes[i].Inputs, in)
			}
		}
		m := onnxtest.New(13)
		m.Input("x", tensor.Float32, 1)
		m.Output(fmt.Sprintf("v%d", n-1))
		for _, i := range rapid.Permutation(identity(n)).Draw(t, "order") {
			m.Node(nodes[i])
		}
		g, err := onnx.Parse(m.Bytes(), onnx.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Nodes) != n {
			t.Fatalf("%d nodes of %d", len(g.Nodes), n)
		}
		checkOrder(t, g)
	})
}

func identity(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// A long chain in reverse order takes neither deep recursion nor quadratic time.
func TestLongChainInReverse(t *testing.T) {
	const n = 50_000
	m := onnxtest.New(13)
	m.Input("v0", tensor.Float32, 1)
	for i := n; i > 0; i-- {
		m.Node(onnxtest.Node{Op: "Relu", Inputs: []string{fmt.Sprintf("v%d", i-1)}, Outputs: []string{fmt.Sprintf("v%d", i)}})
	}
	m.Output(fmt.Sprintf("v%d", n))
	g := parse(t, m.Bytes())
	if first := g.Nodes[0].Inputs[0]; len(g.Nodes) != n || first != "v0" {
		t.Errorf("%d nodes, the first reads %q", len(g.Nodes), first)
	}
}

func TestBranchesReadFromAround(t *testing.T) {
	m := onnxtest.New(17)
	x := m.Input("x", tensor.Float32, 2)
	cond := m.Init("cond", tensor.New([]bool{true}))
	yes := m.Body("yes")
	inner := yes.Body("inner")
	inner.Output(inner.Op("Neg", []string{"late"}, nil))
	yes.Output(yes.Op("If", []string{cond}, onnxtest.Attrs{"then_branch": inner, "else_branch": passThrough(inner, "late")}))
	m.As("y", "If", []string{cond}, onnxtest.Attrs{"then_branch": yes, "else_branch": passThrough(yes, x)})
	m.As("late", "Relu", []string{x}, nil) // written after the node whose branches read it
	m.Output("y")
	g := parse(t, m.Bytes())
	checkOrder(t, g)
	if ops := opsOf(g); !slices.Equal(ops, []string{"Relu", "If"}) {
		t.Errorf("order %v, want Relu before If", ops)
	}
	no := g.Nodes[1].Attrs["else_branch"].(*graph.Graph)
	if no.Name != "through" || len(no.Nodes) != 0 || no.Outputs[0].Name != "x" || no.Initializers == nil {
		t.Errorf("else branch %+v", no)
	}
}

// passThrough is a branch whose result is a value from around it.
func passThrough(of *onnxtest.Graph, value string) *onnxtest.Graph {
	g := of.Body("through")
	g.Output(value)
	return g
}

func opsOf(g *graph.Graph) []string {
	var ops []string
	for _, n := range g.Nodes {
		ops = append(ops, n.Op)
	}
	return ops
}

// The body of a Loop has inputs of its own, without types.
func TestBodyInputs(t *testing.T) {
	m := onnxtest.New(17)
	x := m.Input("x", tensor.Float32, 2)
	body := m.Body("body")
	body.Raw(11, onnxtest.Message{}.Text(1, "i"))
	body.Input("c", tensor.Bool)
	body.Output("c", body.Op("Add", []string{"i", x}, nil))
	m.Output(m.Op("Loop", []string{m.Ints("n", 3), "", x}, onnxtest.Attrs{"body": body}))
	g := parse(t, m.Bytes()).Nodes[0].Attrs["body"].(*graph.Graph)
	if len(g.Inputs) != 2 || g.Inputs[0].DType != tensor.Bool || g.Inputs[1].Name != "i" || g.Inputs[1].DType != 0 {
		t.Errorf("inputs %+v", g.Inputs)
	}
}

func TestBrokenWiring(t *testing.T) {
	relu := func(m *onnxtest.Model, in, out string) {
		m.Node(onnxtest.Node{Op: "Relu", Inputs: []string{in}, Outputs: []string{out}})
	}
	for _, c := range []struct {
		name  string
		build func(m *onnxtest.Model)
		text  string
	}{
		{"undefined input", func(m *onnxtest.Model) { relu(m, "nowhere", "y") }, `Relu "y" reads "nowhere", which no node computes`},
		{"reads itself", func(m *onnxtest.Model) { relu(m, "y", "y") }, `Relu "y" needs its own output`},
		{"cycle", func(m *onnxtest.Model) { relu(m, "z", "y"); relu(m, "w", "z"); relu(m, "y", "w") }, "needs its own output"},
		{"two origins", func(m *onnxtest.Model) { relu(m, "x", "y"); relu(m, "x", "y") }, `value "y" is an output of Relu "y" and also an output of Relu "y"`},
		{"output of one node twice", func(m *onnxtest.Model) {
			m.Node(onnxtest.Node{Op: "Split", Inputs: []string{"x"}, Outputs: []string{"y", "y"}})
		}, `value "y" is an output of Split`},
		{"output that is an input", func(m *onnxtest.Model) { relu(m, "x", "x"); relu(m, "x", "y") }, `value "x" is an input or initializer and also`},
		{"output that is an initializer", func(m *onnxtest.Model) { relu(m, "x", m.Ints("k", 1)); relu(m, "x", "y") },
			`value "k" is an input or initializer and also`},
		{"two inputs", func(m *onnxtest.Model) { m.Input("x", tensor.Float32); relu(m, "x", "y") }, `two inputs "x"`},
		{"two initializers", func(m *onnxtest.Model) { m.Ints("k", 1); m.Ints("k", 1); relu(m, "x", "y") }, `two initializers "k"`},
		{"output of nothing", func(m *onnxtest.Model) { relu(m, "x", "y"); m.Output("z") }, `no node computes output "z"`},
		{"no outputs of a node", func(m *onnxtest.Model) { m.Node(onnxtest.Node{Op: "Print", Inputs: []string{"x"}}); relu(m, "x", "y") },
			"node 0, Print \"\": damaged model: no outputs"},
		{"absent outputs only", func(m *onnxtest.Model) {
			m.Node(onnxtest.Node{Op: "Print", Inputs: []string{"x"}, Outputs: []string{"", ""}})
		}, "no outputs"},
		{"no operator", func(m *onnxtest.Model) { m.Node(onnxtest.Node{Inputs: []string{"x"}, Outputs: []string{"y"}}) }, "no operator"},
		{"no nodes", func(m *onnxtest.Model) {}, "no nodes"},
		{"branch reads from nowhere", func(m *onnxtest.Model) {
			b := m.Body("b")
			b.Output(b.Op("Neg", []string{"nowhere"}, nil))
			m.As("y", "If", []string{"x"}, onnxtest.Attrs{"then_branch": b})
		}, `attribute "then_branch": damaged model: Neg "neg_1" reads "nowhere"`},
		{"branch reads the result of its If", func(m *onnxtest.Model) {
			b := m.Body("b")
			b.Output(b.Op("Neg", []string{"y"}, nil))
			m.As("y", "If", []string{"x"}, onnxtest.Attrs{"then_branch": b})
		}, `If "y" needs its own output`},
		{"branch without outputs", func(m *onnxtest.Model) {
			m.As("y", "If", []string{"x"}, onnxtest.Attrs{"then_branch": m.Body("b")})
		}, "no outputs"},
		{"value of a branch read outside", func(m *onnxtest.Model) {
			b := m.Body("b")
			b.Output(b.As("inside", "Neg", []string{"x"}, nil))
			m.As("z", "If", []string{"x"}, onnxtest.Attrs{"then_branch": b})
			relu(m, "inside", "y")
		}, `reads "inside", which no node computes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := onnxtest.New(13)
			m.Input("x", tensor.Float32, 1)
			c.build(m)
			m.Output("y")
			refused(t, m.Bytes(), onnx.Options{}, onnx.ErrCorrupt, c.text)
		})
	}
}

// A model that is in order keeps its order.
func TestOrderIsKept(t *testing.T) {
	m := onnxtest.New(13)
	m.Input("x", tensor.Float32, 1)
	var want []string
	rng := rand.New(rand.NewPCG(3, 4))
	values := []string{"x"}
	for i := range 100 {
		op := fmt.Sprintf("Op%d", i)
		want = append(want, op)
		values = append(values, m.Op(op, []string{values[rng.IntN(len(values))]}, nil))
	}
	m.Output(values[100])
	if got := opsOf(parse(t, m.Bytes())); !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}
