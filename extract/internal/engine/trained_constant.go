package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A trainedConstant says how a constant operand follows from a parameter: positions and
// class tokens, and tables of relative positions, that are added or joined as a whole. The
// operand lies in memory like any other constant, and is filled again when the parameter
// has changed.
type trainedConstant struct {
	param  *Parameter
	at     []int // which of the parameter's values each element of the operand is, row-major; nil if they are the same
	stride []int // from an element of the operand to the next along each axis; 0 where it repeats
}

// repeated is the constant broadcast from a shape to another one.
func (c *trainedConstant) repeated(from, to []int) *trainedConstant {
	if c == nil {
		return nil
	}
	stride := make([]int, len(to))
	for i, d := range from {
		if d > 1 {
			stride[len(to)-len(from)+i] = c.stride[i]
		}
	}
	return &trainedConstant{param: c.param, at: c.at, stride: stride}
}

// elements is how the operand, a value of the given shape, lies in memory.
func (c *trainedConstant) elements(shape, order []int) exec.Elements {
	e := exec.Elements{At: c.at}
	for _, axis := range order {
		e.Dims, e.Stride = append(e.Dims, shape[axis]), append(e.Stride, c.stride[axis])
	}
	return e
}

// constantSources finds the initializers that constants of a graph come from.
type constantSources struct {
	graph  *graph.Graph
	known  map[string]*tensor.Tensor
	def    map[string]*graph.Node
	reads  map[string]int
	limits op.Limits
}

func newConstantSources(g *graph.Graph, known map[string]*tensor.Tensor) *constantSources {
	s := &constantSources{graph: g, known: known, def: map[string]*graph.Node{}, reads: map[string]int{}, limits: op.DefaultLimits()}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			s.def[o] = n
		}
		for _, in := range n.Reads() {
			s.reads[in]++
		}
	}
	return s
}

// moving are the operators whose first result has the elements of the first input, each as
// often as it may be. A class token is expanded to as many images as there are.
var moving = map[string]bool{"Identity": true, "Expand": true, "Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true,
	"Transpose": true, "Slice": true, "Gather": true, "Tile": true}

// trace returns the initializer that a constant moves, and the number of each of its
// elements there, nil for those that are computed otherwise or have other readers: these
// would have to change as well.
func (s *constantSources) trace(name string) (source string, numbers *tensor.Tensor) {
	if s.reads[name] != 1 {
		return "", nil
	}
	if t := s.graph.Initializers[name]; t != nil {
		v := make([]int64, tensor.Len(t.Shape))
		for i := range v {
			v[i] = int64(i)
		}
		return name, tensor.New(v, t.Shape...)
	}
	n := s.def[name]
	if n == nil || n.Domain != "" || !moving[n.Op] || n.Outputs[0] != name {
		return "", nil
	}
	source, numbers = s.trace(n.Input(0))
	if numbers == nil {
		return "", nil
	}
	in := []*tensor.Tensor{numbers}
	for _, i := range n.Inputs[1:] {
		in = append(in, s.known[i])
	}
	only := *n
	only.Outputs = n.Outputs[:1]
	out, err := s.limits.Eval(&only, s.graph.Opsets[""], in)
	if err != nil {
		return "", nil
	}
	return source, out[0]
}

// source is that of constantSources, none where nothing is trained.
func (s *parameterSet) source(name string) (source string, numbers *tensor.Tensor) {
	if s == nil {
		return "", nil
	}
	return s.sources.trace(name)
}

// whole makes a parameter of a constant that is an operand as a whole. What does not look
// like weights is part of a formula, such as a mask, and stays.
func (s *parameterSet) whole(v *value) {
	x, ok := floats(v)
	if s == nil || !ok || v.trained != nil || len(x) == 0 || !learned(x) {
		return
	}
	source, numbers := s.source(v.name)
	if numbers == nil || !slices.Equal(numbers.Shape, v.shape) {
		return
	}
	t := s.sources.known[source]
	c := &trainedConstant{param: s.add(&value{name: source, dtype: t.DType, shape: t.Shape, constant: t}, true, []int{tensor.Len(t.Shape)}, []int{1})}
	if source != v.name {
		for _, i := range tensor.Values[int64](numbers) {
			c.at = append(c.at, int(i))
		}
	}
	c.stride = make([]int, len(v.shape))
	for i, n := len(v.shape)-1, 1; i >= 0; i-- {
		c.stride[i] = n
		n *= v.shape[i]
	}
	v.trained = c
}

// learned reports whether constants look like weights: they take more than two values, all
// of them finite.
func learned(x []float32) bool {
	other := x[0]
	for _, v := range x {
		if v-v != 0 {
			return false
		}
		if v != x[0] && other == x[0] {
			other = v
		}
	}
	return slices.ContainsFunc(x, func(v float32) bool { return v != x[0] && v != other })
}

// trainOperands makes parameters of the constants that a node adds, or joins, as a whole.
// What is added by channel is the layer's own, see conv.train.
func (l *lowerer) trainOperands(n *node, src *graph.Node) {
	if l.params == nil || src.Op != "Add" && src.Op != "Concat" {
		return
	}
	shape := n.out[0].shape
	for i, v := range n.in {
		if src.Op == "Add" {
			if other := n.in[1-i]; !dynamic(other) || !slices.Equal(other.shape, shape) || channelAxis(v, len(shape)) >= 0 {
				continue
			}
		}
		l.params.whole(v)
	}
}
