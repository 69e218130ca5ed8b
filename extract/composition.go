package extract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
)

// A Composition joins networks, and what is computed from their bottlenecks, to one ONNX
// model that other programs can run: add the networks, then operators with Op, then the
// outputs. Values are named by strings. It is written for version 18 of ONNX's operators, or
// the newest that a network is written for.
type Composition struct {
	graph    graph.Graph
	networks int
}

// NewComposition returns an empty one.
func NewComposition() *Composition {
	return &Composition{
		graph: graph.Graph{Initializers: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": passes.AntialiasOpset}, Metadata: map[string]string{}},
	}
}

// AddNetwork adds a network up to its bottleneck, which it returns the name of: N×Dim. Its
// input is pixels, a float32 tensor of prepared pixels in the network's layout, which an
// earlier network may share that is prepared for alike. If nothing is called so yet, it
// becomes an input of the model.
func (c *Composition) AddNetwork(n *Network, pixels string) (bottleneck string, err error) {
	g, err := n.upgraded()
	if err != nil {
		return "", err
	}
	c.networks++
	prefix := fmt.Sprintf("network%d/", c.networks)
	own := g.Inputs[0].Name
	g = passes.Rename(g, func(s string) string {
		if s == own {
			return pixels
		}
		return prefix + s
	})
	if !c.has(pixels) {
		c.graph.Inputs = append(c.graph.Inputs, graph.Input{Name: pixels, DType: tensor.Float32, Dims: n.openInput(g.Inputs[0])})
	}
	c.graph.Nodes = append(c.graph.Nodes, g.Nodes...)
	maps.Copy(c.graph.Initializers, g.Initializers)
	for domain, version := range g.Opsets {
		c.graph.Opsets[domain] = max(c.graph.Opsets[domain], version)
	}
	return c.pool(n, prefix, prefix+n.info.Tap)
}

// upgraded returns the network up to its tap in operators that those of a composition can
// stand beside.
func (n *Network) upgraded() (*graph.Graph, error) {
	g, err := n.written()
	if err != nil {
		return nil, err
	}
	if g, err = passes.Prune(g, n.info.Tap); err != nil {
		return nil, err
	}
	var known map[string]*tensor.Tensor
	if g.Opsets[""] < passes.PerChannelOpset {
		if _, known, err = passes.Standard(passes.DecomposeQuantized(passes.CastFP16(g)), n.info.Tap, n.shape, n.foldShare()); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	if g, err = passes.Upgrade(g, known, passes.AntialiasOpset); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return passes.DropUnread(g), nil
}

// openInput returns the dimensions of the network's input: those that its preparation decides
// are fixed, and the number of photos is open if the network leaves it open.
func (n *Network) openInput(in graph.Input) []graph.Dim {
	var dims []graph.Dim
	for i, size := range n.shape {
		d := graph.Dim{Size: size}
		if i == 0 && (in.Dims == nil || !in.Dims[0].Known()) {
			d = graph.Dim{Symbol: "N"}
		}
		dims = append(dims, d)
	}
	return dims
}

// pool adds what makes a bottleneck of the tap's tensor: pooling, and N×Dim.
func (c *Composition) pool(n *Network, prefix, tap string) (string, error) {
	p, err := n.compiled()
	if err != nil {
		return "", err
	}
	if axes := p.PooledAxes(); len(axes) > 0 {
		op := "ReduceMean"
		if n.info.Pool == "max" {
			op = "ReduceMax"
		}
		var list []int64
		for _, a := range axes {
			list = append(list, int64(a))
		}
		tap = c.Op(prefix+"pooled", op, []string{tap, c.Ints(prefix+"pooled axes", list, len(list))}, Attributes{"keepdims": int64(0)})
	}
	return c.Op(prefix+"bottleneck of featstore", "Reshape", []string{tap, c.Ints(prefix+"bottleneck shape", []int64{-1, int64(p.Dim())}, 2)}, nil), nil
}

// has reports whether a value is called so.
func (c *Composition) has(name string) bool {
	return c.graph.Initializers[name] != nil ||
		slices.ContainsFunc(c.graph.Inputs, func(in graph.Input) bool { return in.Name == name }) ||
		slices.ContainsFunc(c.graph.Nodes, func(n *graph.Node) bool { return slices.Contains(n.Outputs, name) })
}

// Attributes are those of an operator: int64, float32, string, and lists of these.
type Attributes map[string]any

// Op adds an operator of ONNX with one result, which gets the name, and returns that. The
// name must be new.
func (c *Composition) Op(name, op string, inputs []string, attributes Attributes) string {
	n := &graph.Node{Name: name, Op: op, Inputs: slices.Clone(inputs), Outputs: []string{name}, Attrs: map[string]graph.Attr{}}
	for k, v := range attributes {
		n.Attrs[k] = v
	}
	c.graph.Nodes = append(c.graph.Nodes, n)
	return name
}

// Ops is Op for an operator with several results.
func (c *Composition) Ops(names []string, op string, inputs []string, attributes Attributes) {
	c.Op(names[0], op, inputs, attributes)
	c.graph.Nodes[len(c.graph.Nodes)-1].Outputs = slices.Clone(names)
}

// Floats adds a constant, row-major. No shape means a scalar. It returns the name.
func (c *Composition) Floats(name string, values []float32, shape ...int) string {
	return c.constant(name, tensor.New(values, shape...))
}

// Doubles is Floats for float64.
func (c *Composition) Doubles(name string, values []float64, shape ...int) string {
	return c.constant(name, tensor.New(values, shape...))
}

// Ints is Floats for int64.
func (c *Composition) Ints(name string, values []int64, shape ...int) string {
	return c.constant(name, tensor.New(values, shape...))
}

func (c *Composition) constant(name string, t *tensor.Tensor) string {
	c.graph.Initializers[name] = t
	return name
}

// A ValueType is the type of a tensor's numbers.
type ValueType = tensor.DType

// Types of outputs.
const (
	TypeFloat32 = tensor.Float32
	TypeFloat64 = tensor.Float64
	TypeInt64   = tensor.Int64
	TypeBool    = tensor.Bool
)

// Output declares a value a result of the model. Its first dimension is the number of photos,
// the others are given.
func (c *Composition) Output(name string, dtype ValueType, dims ...int) {
	o := graph.Output{Name: name, DType: dtype, Dims: []graph.Dim{{Symbol: "N"}}}
	for _, d := range dims {
		o.Dims = append(o.Dims, graph.Dim{Size: d})
	}
	c.graph.Outputs = append(c.graph.Outputs, o)
}

// Describe sets a value of the model's metadata. What is not UTF-8 in it is replaced.
func (c *Composition) Describe(key, value string) {
	c.graph.Metadata[key] = strings.ToValidUTF8(value, "\uFFFD")
}

// Model returns the ONNX model.
func (c *Composition) Model() ([]byte, error) { return onnx.Marshal(&c.graph) }
