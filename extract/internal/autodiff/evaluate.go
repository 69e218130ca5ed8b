package autodiff

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// latest is the opset of the operators that rules are written in.
const latest = 18

type attrs = map[string]graph.Attr

// apply runs an operator and returns its only result.
func apply(name string, a attrs, in ...*tensor.Tensor) (*tensor.Tensor, error) {
	n := &graph.Node{Op: name, Attrs: a, Inputs: make([]string, len(in)), Outputs: []string{"y"}}
	out, err := op.Eval(n, latest, in)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// again runs the node itself on other inputs, with some attributes changed (nil: left
// out) and so many outputs.
func (s *step) again(in []*tensor.Tensor, change attrs, outputs int) ([]*tensor.Tensor, error) {
	n := *s.Node
	n.Attrs = maps.Clone(s.Attrs)
	if n.Attrs == nil {
		n.Attrs = attrs{}
	}
	for name, a := range change {
		n.Attrs[name] = a
		if a == nil {
			delete(n.Attrs, name)
		}
	}
	n.Outputs = nil
	for i := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprint("y", i))
	}
	return op.Eval(&n, s.opset, in)
}

// numbered returns a tensor of the numbers first, first+1, … : the elements' own.
func numbered(first int, shape []int) *tensor.Tensor {
	v := make([]float64, tensor.Len(shape))
	for i := range v {
		v[i] = float64(first + i)
	}
	return tensor.New(v, shape...)
}

// numbers returns elements' numbers as indexes from 0; what was no element is -1.
func numbers(t *tensor.Tensor) []int {
	out := make([]int, tensor.Len(t.Shape))
	for i, v := range tensor.Values[float64](t) {
		out[i] = int(v) - 1
	}
	return out
}

func list(shape []int) *tensor.Tensor {
	v := make([]int64, len(shape))
	for i, d := range shape {
		v[i] = int64(d)
	}
	return tensor.New(v, len(v))
}

// stretched returns, for every element of the shape to, the element of an array of
// another shape that is there once that is broadcast to it.
func stretched(shape, to []int) ([]int, error) {
	if slices.Equal(shape, to) {
		return numbers(numbered(1, shape)), nil
	}
	t, err := apply("Expand", nil, numbered(1, shape), list(to))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(t.Shape, to) {
		return nil, fmt.Errorf("shape %v does not broadcast to %v", shape, to)
	}
	return numbers(t), nil
}

// gathered returns v[at[i]] for all i.
func gathered(v []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, k := range at {
		out[i] = v[k]
	}
	return out
}

// scattered returns n sums: of all v[i] whose at[i] is the sum's index. Those at -1 are
// in none.
func scattered(v []float64, at []int, n int) []float64 {
	out := make([]float64, n)
	for i, k := range at {
		if k >= 0 {
			out[k] += v[i]
		}
	}
	return out
}

// folded takes the gradient by an array that was broadcast from a shape to the shape of
// dy back to the array: it sums over the axes that were stretched.
func folded(dy []float64, from, to []int) ([]float64, error) {
	at, err := stretched(from, to)
	if err != nil {
		return nil, err
	}
	return scattered(dy, at, tensor.Len(from)), nil
}
