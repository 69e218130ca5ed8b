package onnxtest_test

import (
	"fmt"

	"featstore/extract/internal/onnx"
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

func Example() {
	m := onnxtest.New(17)
	x := m.Input("x", tensor.Float32, "N", 3, 32, 32)
	w := m.Rand("w", 0.1, 8, 3, 3, 3)
	y := m.Op("Conv", []string{x, w}, onnxtest.Attrs{"pads": []int{1, 1, 1, 1}})
	m.Output(m.Op("Relu", []string{y}, nil))

	g, err := onnx.Parse(m.Bytes(), onnx.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range g.Nodes {
		fmt.Println(n.Op, n.Inputs, "->", n.Outputs)
	}
	fmt.Println(g.Initializers["w"])
	// Output:
	// Conv [x w] -> [conv_1]
	// Relu [conv_1] -> [relu_2]
	// float32 [8 3 3 3]
}

// An If with two branches, and a function that the model defines itself.
func Example_branchesAndFunctions() {
	m := onnxtest.New(17)
	m.Func(onnxtest.Function{Name: "Twice", Domain: "own", Inputs: []string{"a"}, Outputs: []string{"r"}}, func(g *onnxtest.Graph) {
		g.As("r", "Add", []string{"a", "a"}, nil)
	})
	x := m.Input("x", tensor.Float32, 4)
	yes := m.Body("yes")
	yes.Output(yes.Op("Neg", []string{x}, nil))
	no := m.Body("no")
	no.Output(no.Op("Abs", []string{x}, nil))
	cond := m.Init("cond", tensor.New([]bool{true}))
	y := m.Op("If", []string{cond}, onnxtest.Attrs{"then_branch": yes, "else_branch": no})
	m.Node(onnxtest.Node{Op: "Twice", Domain: "own", Inputs: []string{y}, Outputs: []string{"z"}})
	m.Output("z")

	g, err := onnx.Parse(m.Bytes(), onnx.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range g.Nodes {
		fmt.Println(n.Op, n.Inputs, "->", n.Outputs)
	}
	// Output:
	// If [cond] -> [if_3]
	// Add [if_3 if_3] -> [z]
}
