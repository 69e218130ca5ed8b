package onnx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"

	"github.com/google/go-cmp/cmp"
)

// lines writes a graph's nodes as "Op(in, in) -> out" for comparison.
func lines(g *graph.Graph) []string {
	var l []string
	for _, n := range g.Nodes {
		l = append(l, fmt.Sprintf("%s(%s) -> %s", n.Op, strings.Join(n.Inputs, ", "), strings.Join(n.Outputs, ", ")))
	}
	return l
}

const local = "local"

// affine is a function y = alpha·relu(x)+b of a domain of its own.
func affine(m *onnxtest.Model) {
	f := onnxtest.Function{Name: "Affine", Domain: local, Inputs: []string{"a", "b"}, Outputs: []string{"r"},
		Attrs: []string{"axis"}, Defaults: onnxtest.Attrs{"alpha": 0.5}}
	m.Func(f, func(g *onnxtest.Graph) {
		g.As("t", "Relu", []string{"a"}, nil)
		g.As("k", "Constant", nil, onnxtest.Attrs{"value_float": onnxtest.Ref{Name: "alpha", Like: 0.0}})
		g.As("u", "Mul", []string{"t", "k"}, onnxtest.Attrs{"axis": onnxtest.Ref{Name: "axis", Like: 0}})
		g.As("r", "Add", []string{"u", "b"}, nil)
	})
}

func TestFunctionsAreWrittenOut(t *testing.T) {
	m := onnxtest.New(17).Opset(local, 1)
	affine(m)
	x := m.Input("x", tensor.Float32, 1)
	m.As("first/t", "Neg", []string{x}, nil) // the name that the function's t would get
	m.Node(onnxtest.Node{Name: "first", Op: "Affine", Domain: local, Inputs: []string{"first/t", x}, Outputs: []string{"y"},
		Attrs: onnxtest.Attrs{"alpha": 2.0, "axis": 1}})
	m.Node(onnxtest.Node{Op: "Affine", Domain: local, Inputs: []string{"y"}, Outputs: []string{"z"}})
	m.Output("z")
	g := parse(t, m.Bytes())
	want := []string{
		"Neg(x) -> first/t",
		"Relu(first/t) -> first/t#2", "Constant() -> first/k", "Mul(first/t#2, first/k) -> first/u", "Add(first/u, x) -> y",
		"Relu(y) -> z/t", "Constant() -> z/k", "Mul(z/t, z/k) -> z/u", "Add(z/u, ) -> z",
	}
	if d := cmp.Diff(want, lines(g)); d != "" {
		t.Error(d)
	}
	attrs := []any{g.Nodes[2].Attrs["value_float"], g.Nodes[3].Attrs["axis"], g.Nodes[6].Attrs["value_float"], g.Nodes[7].Attrs["axis"]}
	if d := cmp.Diff([]any{float32(2), int64(1), float32(0.5), nil}, attrs); d != "" {
		t.Errorf("given, given, default, absent: %s", d)
	}
	if g.Opsets[""] != 17 {
		t.Errorf("opsets %v", g.Opsets)
	}
}

func TestFunctionsInFunctionsAndBranches(t *testing.T) {
	m := onnxtest.New(17)
	affine(m)
	outer := onnxtest.Function{Name: "Block", Domain: local, Inputs: []string{"a"}, Outputs: []string{"r"}, Attrs: []string{"scale"},
		Opsets: map[string]int{"": 17, local: 3}}
	m.Func(outer, func(g *onnxtest.Graph) {
		b := g.Body("branch")
		b.Ints("k", 5)
		b.As("s", "Sum", []string{"k", "in"}, nil)
		b.Node(onnxtest.Node{Name: "call", Op: "Affine", Domain: local, Inputs: []string{"s", "k"}, Outputs: []string{"o"},
			Attrs: onnxtest.Attrs{"alpha": onnxtest.Ref{Name: "scale", Like: 0.0}}})
		b.Output("o")
		g.As("in", "Relu", []string{"a"}, nil)
		g.Node(onnxtest.Node{Name: "if", Op: "If", Inputs: []string{"a"}, Outputs: []string{"r"},
			Attrs: onnxtest.Attrs{"then_branch": b, "else_branch": passThrough(b, "in")}})
	})
	x := m.Input("x", tensor.Float32, 1)
	m.Node(onnxtest.Node{Name: "b1", Op: "Block", Domain: local, Inputs: []string{x}, Outputs: []string{"y"}, Attrs: onnxtest.Attrs{"scale": 3.0}})
	m.Output("y")
	g := parse(t, m.Bytes())
	if d := cmp.Diff([]string{"Relu(x) -> b1/in", "If(x) -> y"}, lines(g)); d != "" {
		t.Error(d)
	}
	branch := g.Nodes[1].Attrs["then_branch"].(*graph.Graph)
	want := []string{"Sum(b1/k, b1/in) -> b1/s", "Relu(b1/s) -> b1/call/t", "Constant() -> b1/call/k",
		"Mul(b1/call/t, b1/call/k) -> b1/call/u", "Add(b1/call/u, b1/k) -> b1/o"}
	if d := cmp.Diff(want, lines(branch)); d != "" {
		t.Error(d)
	}
	if branch.Initializers["b1/k"] == nil || branch.Nodes[2].Attrs["value_float"] != float32(3) {
		t.Errorf("branch %v, %v", branch.Initializers, branch.Nodes[2].Attrs)
	}
	if g.Opsets[local] != 3 {
		t.Errorf("opsets %v lack what the function imports", g.Opsets)
	}
}

// A result may be a parameter, a result twice, or not wanted.
func TestFunctionResults(t *testing.T) {
	m := onnxtest.New(17)
	m.Func(onnxtest.Function{Name: "F", Domain: local, Overload: "o", Inputs: []string{"a"}, Outputs: []string{"n", "a", "n", "e"}}, func(g *onnxtest.Graph) {
		g.As("n", "Neg", []string{"a"}, nil)
		g.As("e", "Exp", []string{"a"}, nil)
	})
	x := m.Input("x", tensor.Float32, 1)
	m.Node(onnxtest.Node{Name: "f", Op: "F", Domain: local, Overload: "o", Inputs: []string{x}, Outputs: []string{"p", "q", "r"}})
	m.Node(onnxtest.Node{Op: "F", Domain: local, Inputs: []string{x}, Outputs: []string{"other"}}) // no such overload: stays
	m.Output("p", "q", "r", "other")
	want := []string{"Neg(x) -> p", "Exp(x) -> f/e", "Identity(x) -> q", "Identity(p) -> r", "F(x) -> other"}
	if d := cmp.Diff(want, lines(parse(t, m.Bytes()))); d != "" {
		t.Error(d)
	}
}

func TestHostileFunctions(t *testing.T) {
	call := func(op string, in, out string) onnxtest.Node {
		return onnxtest.Node{Op: op, Domain: local, Inputs: []string{in}, Outputs: []string{out}}
	}
	fn := func(m *onnxtest.Model, name string, nodes ...onnxtest.Node) {
		m.Func(onnxtest.Function{Name: name, Domain: local, Inputs: []string{"a"}, Outputs: []string{"r"}}, func(g *onnxtest.Graph) {
			for _, n := range nodes {
				g.Node(n)
			}
		})
	}
	for _, c := range []struct {
		name  string
		build func(m *onnxtest.Model)
		kind  error
		text  string
	}{
		{"calls itself", func(m *onnxtest.Model) { fn(m, "F", call("F", "a", "r")) }, onnx.ErrTooLarge, "nested more than 64 deep"},
		{"call each other", func(m *onnxtest.Model) { fn(m, "F", call("G", "a", "r")); fn(m, "G", call("F", "a", "r")) }, onnx.ErrTooLarge,
			"nested more than 64 deep"},
		{"doubling", func(m *onnxtest.Model) {
			fn(m, "F0")
			for i := range 60 {
				f := fmt.Sprintf("F%d", i)
				fn(m, fmt.Sprintf("F%d", i+1), call(f, "a", "t"), call(f, "t", "r"))
			}
			fn(m, "F", call("F60", "a", "r"))
		}, onnx.ErrTooLarge, "more than 131072 nodes"},
		{"long names", func(m *onnxtest.Model) {
			long := strings.Repeat("n", 1<<20)
			nodes := []onnxtest.Node{call("Relu", "a", long)}
			for i := range 400 {
				nodes = append(nodes, call("G", "a", fmt.Sprint(i)))
			}
			fn(m, "G", nodes[0])
			fn(m, "F", nodes[1:]...)
		}, onnx.ErrTooLarge, "bytes of names in local functions"},
		{"defined twice", func(m *onnxtest.Model) { fn(m, "F"); fn(m, "F") }, onnx.ErrCorrupt, `function "F": damaged model: defined twice`},
		{"too many arguments", func(m *onnxtest.Model) {
			m.Func(onnxtest.Function{Name: "F", Domain: local, Outputs: []string{"r"}}, func(*onnxtest.Graph) {})
		}, onnx.ErrCorrupt, "1 inputs and 1 outputs for a function of 0 and 1"},
		{"parameter twice", func(m *onnxtest.Model) {
			m.Func(onnxtest.Function{Name: "F", Domain: local, Inputs: []string{"a", "a"}, Outputs: []string{"r"}}, func(*onnxtest.Graph) {})
		}, onnx.ErrCorrupt, `two inputs "a"`},
		{"result of nothing", func(m *onnxtest.Model) { fn(m, "F", call("Relu", "a", "t")) }, onnx.ErrCorrupt, `no node computes output "y"`},
		{"overwrites its parameter", func(m *onnxtest.Model) { fn(m, "F", call("Relu", "a", "a"), call("Relu", "a", "r")) }, onnx.ErrCorrupt,
			`value "x" is an input`},
		{"damaged inside", func(m *onnxtest.Model) { fn(m, "F", onnxtest.Node{Op: "Relu"}) }, onnx.ErrCorrupt,
			`function "F": node 0, Relu "": damaged model: no outputs`},
		{"reads from around its call", func(m *onnxtest.Model) { fn(m, "F", call("Relu", "x", "r")) }, onnx.ErrCorrupt, `reads "y/x", which no node computes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := onnxtest.New(17)
			c.build(m)
			m.Input("x", tensor.Float32, 1)
			m.Node(call("F", "x", "y"))
			m.Output("y")
			refused(t, m.Bytes(), onnx.Options{}, c.kind, c.text)
		})
	}
}

// A reference to a function's attribute has no meaning outside of one.
func TestReferenceOutsideAFunction(t *testing.T) {
	m := onnxtest.New(17)
	m.As("y", "Relu", []string{m.Input("x", tensor.Float32)}, onnxtest.Attrs{"a": onnxtest.Ref{Name: "alpha", Like: 1}})
	m.Output("y")
	refused(t, m.Bytes(), onnx.Options{}, onnx.ErrCorrupt, `attribute "a" refers to a function's, outside of one`)
}

// Two calls by nodes of one name must not share inner values.
func TestCallsOfOneName(t *testing.T) {
	m := onnxtest.New(17)
	affine(m)
	x := m.Input("x", tensor.Float32, 1)
	for i := range 3 {
		out := fmt.Sprintf("y%d", i)
		m.Node(onnxtest.Node{Name: "n", Op: "Affine", Domain: local, Inputs: []string{x, x}, Outputs: []string{out}})
		m.Output(out)
	}
	g := parse(t, m.Bytes())
	var outs []string
	for _, n := range g.Nodes {
		outs = append(outs, n.Outputs...)
	}
	slices.Sort(outs)
	if len(slices.Compact(outs)) != 12 {
		t.Errorf("values %v", outs)
	}
}
