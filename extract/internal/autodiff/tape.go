package autodiff

import (
	"errors"
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// ErrNoRule is wrapped by the error of Backward for an operator, or a form of one,
// whose derivative is not known here.
var ErrNoRule = errors.New("no rule for the gradient")

// A Tape is a graph with all of its values for one input.
type Tape struct {
	graph  *graph.Graph
	values map[string]*tensor.Tensor
}

// Record evaluates a graph in float64: every float16 and float32 number of it, and of
// the inputs, is widened before. The graph has no If, see passes.Specialize.
func Record(g *graph.Graph, inputs map[string]*tensor.Tensor) (*Tape, error) {
	wide := widenGraph(g)
	in := map[string]*tensor.Tensor{}
	for name, t := range inputs {
		in[name] = widen(t)
	}
	values, err := op.Interpret(wide, in)
	if err != nil {
		return nil, err
	}
	return &Tape{graph: wide, values: values}, nil
}

// Value returns a value of the graph, nil for one that is not there. Floating-point
// numbers are float64. It must not be changed.
func (t *Tape) Value(name string) *tensor.Tensor { return t.values[name] }

// Backward takes the gradient of a loss by the value called output, row-major, and
// returns the gradient by every floating-point value that the output is computed from,
// inputs and initializers included, in the value's own shape.
func (t *Tape) Backward(output string, dy []float64) (map[string][]float64, error) {
	y := t.values[output]
	if y == nil || y.DType != tensor.Float64 {
		return nil, fmt.Errorf("no floating-point value %q to go back from", output)
	}
	if n := tensor.Len(y.Shape); len(dy) != n {
		return nil, fmt.Errorf("a gradient of %d values for %q, which has %d", len(dy), output, n)
	}
	gradients := map[string][]float64{output: slices.Clone(dy)}
	for _, n := range slices.Backward(t.graph.Nodes) {
		s := t.step(n, gradients)
		if !s.reached() {
			continue
		}
		if err := s.differentiate(); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Label(), err)
		}
		for i, dx := range s.dx {
			bring(gradients, n.Input(i), dx)
		}
	}
	return gradients, nil
}

// bring adds a part to the gradient by a value.
func bring(gradients map[string][]float64, name string, part []float64) {
	if part == nil {
		return
	}
	sum := gradients[name]
	if sum == nil {
		gradients[name] = slices.Clone(part)
		return
	}
	for i, v := range part {
		sum[i] += v
	}
}

// A step is one node on the way back. Absent inputs and outputs are nil, and so is the
// gradient by a result that nobody reads.
type step struct {
	*graph.Node
	opset   int64
	in, out []*tensor.Tensor
	dy      [][]float64 // by the results
	dx      [][]float64 // by the inputs, filled in by the rule; nil for none
}

func (t *Tape) step(n *graph.Node, gradients map[string][]float64) *step {
	s := &step{Node: n, opset: t.graph.Opsets[n.Domain], dx: make([][]float64, len(n.Inputs))}
	for _, name := range n.Inputs {
		s.in = append(s.in, t.values[name])
	}
	for _, name := range n.Outputs {
		s.out, s.dy = append(s.out, t.values[name]), append(s.dy, gradients[name])
	}
	return s
}

// reached reports whether a result has a gradient.
func (s *step) reached() bool {
	return slices.ContainsFunc(s.dy, func(dy []float64) bool { return dy != nil })
}

// differentiate applies the node's rule. Rules but the ones for moved elements know the
// derivative by way of the first result alone.
func (s *step) differentiate() error {
	rule := rules[s.Op]
	if rule == nil || s.Domain != "" {
		return ErrNoRule
	}
	if _, several := movers[s.Op]; !several {
		for _, dy := range s.dy[1:] {
			if dy != nil {
				return fmt.Errorf("by its other results: %w", ErrNoRule)
			}
		}
	}
	return rule(s)
}

// has reports whether the i-th input is there.
func (s *step) has(i int) bool { return i < len(s.in) && s.in[i] != nil }

// real reports whether the i-th input is there and of floating-point numbers: there can
// be a gradient by it.
func (s *step) real(i int) bool { return s.has(i) && s.in[i].DType == tensor.Float64 }

// x returns the values of the i-th input, y those of the first result.
func (s *step) x(i int) []float64 { return tensor.Values[float64](s.in[i]) }
func (s *step) y() []float64      { return tensor.Values[float64](s.out[0]) }

// axis is an axis that may be counted from the end, of the first input.
func (s *step) axis(name string, def int) int {
	a := s.Int(name, def)
	if a < 0 {
		a += len(s.in[0].Shape)
	}
	return a
}
