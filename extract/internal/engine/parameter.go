package engine

import (
	"fmt"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/tensor"
)

// A Parameter is weights that training moves: a constant of the graph. Values and
// Gradient lie in an order of their own, the one that the backward pass computes in;
// Tensor returns them as the model has them.
type Parameter struct {
	Name     string    // of the constant in the graph
	Values   []float32 // the weights; after a change, Training.Update has to be called
	Gradient []float32 // the sum of the gradients of all Backward calls since it was cleared
	Bias     bool      // whether it is added, or scales channels: weight decay is not for it

	shape  []int // as the model has it
	dims   []int // of Values, row-major, of axes joined or parted as stride has it
	stride []int // in the model's values, for each of dims
}

// newParameter returns the parameter that a float32 constant is. Its values are laid
// out row-major as dims, whose strides in the constant are given.
func newParameter(v *value, bias bool, dims, stride []int) *Parameter {
	src, _ := floats(v)
	p := &Parameter{Name: v.name, Bias: bias, shape: v.shape, dims: dims, stride: stride,
		Values: make([]float32, len(src)), Gradient: make([]float32, len(src))}
	var m exec.Moves
	for i, d := range dims {
		m.Append(d, stride[i])
	}
	m.Permute(p.Values, src)
	return p
}

// gradient is that of a parameter, nil without one.
func (p *Parameter) gradient() []float32 {
	if p == nil {
		return nil
	}
	return p.Gradient
}

// Tensor returns a copy of the values in the model's shape.
func (p *Parameter) Tensor() *tensor.Tensor {
	x := make([]float32, len(p.Values))
	index := make([]int, len(p.dims))
	for _, v := range p.Values {
		at := 0
		for d, i := range index {
			at += i * p.stride[d]
		}
		x[at] = v
		advance(index, p.dims)
	}
	return tensor.New(x, p.shape...)
}

// GradientTensor returns a copy of the gradient in the model's shape.
func (p *Parameter) GradientTensor() *tensor.Tensor {
	g := *p
	g.Values = p.Gradient
	return g.Tensor()
}

// parameters are those of a net, by the name of the constant. Two operations that read
// the same constant in the same form share one.
type parameterSet struct {
	list    []*Parameter
	byName  map[string]*Parameter
	sources *constantSources
	err     error
}

// add returns the parameter that v is, the same for every reader.
func (s *parameterSet) add(v *value, bias bool, dims, stride []int) *Parameter {
	p := newParameter(v, bias, dims, stride)
	if was := s.byName[v.name]; was != nil {
		if fmt.Sprint(was.dims, was.stride) != fmt.Sprint(dims, stride) {
			s.err = fmt.Errorf("the weights %q are used in two forms: %w", v.name, ErrNoGradient)
		}
		return was
	}
	s.byName[v.name] = p
	s.list = append(s.list, p)
	return p
}
