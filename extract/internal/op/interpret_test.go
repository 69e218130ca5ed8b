package op

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// step is a node by its operator, inputs and output, separated by spaces: "Add a b c"
// makes c of a and b.
func step(words string, a attrs) *graph.Node {
	w := strings.Fields(words)
	return &graph.Node{Op: w[0], Inputs: w[1 : len(w)-1], Outputs: w[len(w)-1:], Attrs: a}
}

func graphOf(nodes ...*graph.Node) *graph.Graph {
	return &graph.Graph{Nodes: nodes, Opsets: map[string]int64{"": 17}, Initializers: map[string]*tensor.Tensor{"one": tensor.New([]float32{1})}}
}

func TestInterpretOnlyWhatIsWanted(t *testing.T) {
	g := graphOf(step("Add x one a", nil), step("Mul a a b", nil), step("Frobnicate b c", nil))
	in := map[string]*tensor.Tensor{"x": f32(2)}
	out, err := Interpret(g, in, "b", "x", "one")
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.Values[float32](out["b"]); len(out) != 3 || got[0] != 2.25 || got[1] != 6.25 {
		t.Errorf("b is %v of %v", got, out)
	}
	if _, err := Interpret(g, in, "c"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("wanting c: %v", err)
	}
	if _, err := Interpret(g, in, "d"); err == nil || !strings.Contains(err.Error(), `"d"`) {
		t.Errorf("wanting d: %v", err)
	}
	if _, err := Interpret(g, nil, "b"); err == nil || !strings.Contains(err.Error(), `"x" was not given`) {
		t.Errorf("without x: %v", err)
	}
	// A value that is given is not computed.
	out, err = Interpret(g, map[string]*tensor.Tensor{"a": f32(1)}, "b")
	if err != nil || tensor.Values[float32](out["b"])[0] != 0.25 {
		t.Errorf("given a: %v, %v", out, err)
	}
}

// All values are inferred but those that an unknown operator leads to.
func TestInterpretEverything(t *testing.T) {
	g := graphOf(step("Add x one a", nil), step("Frobnicate a b", nil), step("Mul b b c", nil), step("Shape a s", nil), step("Relu a r", nil))
	out, err := Interpret(g, map[string]*tensor.Tensor{"x": tensor.Abstract(tensor.Float32, 2, 3)})
	if !errors.Is(err, ErrUnsupported) || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("error %v", err)
	}
	got := fmt.Sprint(out["r"], out["s"], out["s"].Known(), out["b"], out["c"], out["one"])
	if want := "float32 [2 3] int64 [2] true absent absent float32 []"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestInterpretForgetsWhatIsDone(t *testing.T) {
	var nodes []*graph.Node
	for i := range 50 {
		nodes = append(nodes, step(fmt.Sprintf("Add v%d one v%d", i, i+1), nil))
	}
	lim := DefaultLimits()
	lim.Bytes = 3 * 4000
	in := map[string]*tensor.Tensor{"v0": f32(1000)}
	if _, err := lim.Interpret(graphOf(nodes...), in, "v50"); err != nil {
		t.Error(err)
	}
	if _, err := lim.Interpret(graphOf(nodes...), in); !errors.Is(err, ErrLimit) {
		t.Errorf("keeping all values: %v", err)
	}
}

func branch(n *graph.Node) *graph.Graph {
	return &graph.Graph{Nodes: []*graph.Node{n}, Outputs: []graph.Output{{Name: n.Outputs[0]}}}
}

func TestIf(t *testing.T) {
	with := func(yes, no *graph.Node) *graph.Graph {
		return graphOf(step("Add x one a", nil), step("If cond y", attrs{"then_branch": branch(yes), "else_branch": branch(no)}), step("Relu y r", nil))
	}
	add, flat, odd := step("Add a one t", nil), step("Flatten a t", nil), step("Frobnicate a t", nil)
	abstract := tensor.Abstract(tensor.Float32, 2)
	unknown := tensor.Abstract(tensor.Bool)
	for _, c := range []struct {
		what string
		g    *graph.Graph
		cond *tensor.Tensor
		want string
		err  error
	}{
		{"true", with(add, odd), tensor.New([]bool{true}), "float32 [2]", nil},
		{"false", with(odd, flat), tensor.New([]bool{false}, 1), "float32 [2 1]", nil},
		{"unknown, both agree", with(add, add), unknown, "float32 [2]", nil},
		{"unknown, they differ", with(add, flat), unknown, "", ErrNeedsValue},
		{"the chosen one fails", with(odd, add), tensor.New([]bool{true}), "", ErrUnsupported},
	} {
		for _, x := range []*tensor.Tensor{f32(2), abstract} {
			out, err := Interpret(c.g, map[string]*tensor.Tensor{"x": x, "cond": c.cond}, "r")
			if c.err != nil {
				if !errors.Is(err, c.err) {
					t.Errorf("%s: error %v", c.what, err)
				}
			} else if err != nil || out["r"].String() != c.want {
				t.Errorf("%s: %v, %v", c.what, out["r"], err)
			}
		}
	}
	if _, err := Interpret(with(add, add), map[string]*tensor.Tensor{"x": abstract, "cond": f32()}, "r"); err == nil {
		t.Error("a condition of floats is taken")
	}
}
