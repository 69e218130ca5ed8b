package onnxtest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"featstore/extract/internal/tensor"
)

// A Model is a model in the making. Its methods are those of its main graph.
type Model struct {
	*Graph
	Producer        string // "onnxtest"
	ProducerVersion string
	IR              int // version of the format, 8; below 4 initializers are listed as inputs too

	opsets    Message
	metadata  Message
	functions Message
}

// A Graph is a graph of a model, the main one or one inside a node (see Body).
type Graph struct {
	Name string

	nodes                                       []Message
	initializers, inputs, outputs, infos, extra Message
	counter                                     *int
	rng                                         *rand.Rand
}

// New returns an empty model for the given version of the standard operators.
func New(opset int) *Model {
	m := &Model{Producer: "onnxtest", IR: 8}
	m.Graph = &Graph{Name: "main", counter: new(int), rng: rand.New(rand.NewPCG(1, 2))}
	return m.Opset("", opset)
}

// Opset imports version of the operators of a domain.
func (m *Model) Opset(domain string, version int) *Model {
	m.opsets = m.opsets.Bytes(8, Message{}.Text(1, domain).Varint(2, int64(version)))
	return m
}

// Meta adds an entry to the model's metadata.
func (m *Model) Meta(key, value string) *Model {
	m.metadata = m.metadata.Bytes(14, entry(key, value))
	return m
}

// Bytes returns the encoded model, fields in the order in which ONNX's own tools
// write them. The model may grow further afterwards.
func (m *Model) Bytes() []byte {
	b := Message{}.Varint(1, int64(m.IR)).Text(2, m.Producer).Text(3, m.ProducerVersion)
	b = b.Bytes(7, m.Graph.encode(m.IR < 4))
	b = append(b, m.opsets...)
	b = append(b, m.metadata...)
	return append(b, m.functions...)
}

func (g *Graph) encode(listInitializers bool) Message {
	var b Message
	for _, n := range g.nodes {
		b = b.Bytes(1, n)
	}
	b = b.Text(2, g.Name)
	b = append(b, g.initializers...)
	if listInitializers {
		b = append(b, g.infos...)
	}
	b = append(b, g.inputs...)
	b = append(b, g.outputs...)
	return append(b, g.extra...)
}

// Body returns a graph to put inside a node of g, as an attribute. Names that are
// made up in it are not used in g.
func (g *Graph) Body(name string) *Graph {
	return &Graph{Name: name, counter: g.counter, rng: g.rng}
}

// fresh makes up a name.
func (g *Graph) fresh(op string) string {
	*g.counter++
	return fmt.Sprintf("%s_%d", strings.ToLower(op), *g.counter)
}

// Input declares an input with dimensions that are sizes (int) or symbols (string),
// and returns its name. A dimension of -1 is left open.
func (g *Graph) Input(name string, dt tensor.DType, dims ...any) string {
	g.inputs = g.inputs.Bytes(11, ValueInfo(name, dt, dims...))
	return name
}

// InputNoShape declares an input that is a tensor of any shape.
func (g *Graph) InputNoShape(name string, dt tensor.DType) string {
	g.inputs = g.inputs.Bytes(11, Message{}.Text(1, name).Bytes(2, Message{}.Bytes(1, Message{}.Varint(1, int64(dt)))))
	return name
}

// Output declares values to be results of the graph, as float32 of unknown shape.
func (g *Graph) Output(names ...string) {
	for _, n := range names {
		t := Message{}.Varint(1, int64(tensor.Float32))
		g.outputs = g.outputs.Bytes(12, Message{}.Text(1, n).Bytes(2, Message{}.Bytes(1, t)))
	}
}

// OutputOf declares a value to be a result of the graph, with its type and shape, as
// ONNX's own checker wants it.
func (g *Graph) OutputOf(name string, dt tensor.DType, dims ...any) {
	g.outputs = g.outputs.Bytes(12, ValueInfo(name, dt, dims...))
}

// Init adds an initializer and returns its name, which is made up if it is "".
func (g *Graph) Init(name string, t *tensor.Tensor) string {
	if name == "" {
		name = g.fresh("const")
	}
	dims := make([]any, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = d
	}
	g.infos = g.infos.Bytes(11, ValueInfo(name, t.DType, dims...))
	return g.RawInit(name, Tensor(name, t))
}

// Floats adds a float32 initializer. Without dims it is a vector, or a scalar if
// there is one value.
func (g *Graph) Floats(name string, values []float32, dims ...int) string {
	if dims == nil && len(values) != 1 {
		dims = []int{len(values)}
	}
	return g.Init(name, tensor.New(values, dims...))
}

// Ints adds an int64 initializer that is a vector.
func (g *Graph) Ints(name string, values ...int64) string {
	return g.Init(name, tensor.New(values, len(values)))
}

// Rand adds a float32 initializer of normally distributed values, mean 0. The
// values depend only on what was drawn before in the same model.
func (g *Graph) Rand(name string, std float64, dims ...int) string {
	return g.RandAround(name, 0, std, dims...)
}

// RandAround is Rand with a mean.
func (g *Graph) RandAround(name string, mean, std float64, dims ...int) string {
	v := make([]float32, tensor.Len(dims))
	for i := range v {
		v[i] = float32(mean + std*g.rng.NormFloat64())
	}
	return g.Init(name, tensor.New(v, dims...))
}

// RawInit adds an encoded TensorProto as an initializer.
func (g *Graph) RawInit(name string, t Message) string {
	g.initializers = g.initializers.Bytes(5, t)
	return name
}

// Raw appends a field to the encoded graph.
func (g *Graph) Raw(num int, value []byte) { g.extra = g.extra.Bytes(num, value) }

// ValueInfo encodes the declaration of a value; see Input.
func ValueInfo(name string, dt tensor.DType, dims ...any) Message {
	shape := Message{}
	for _, d := range dims {
		var dim Message
		switch d := d.(type) {
		case int:
			if d != -1 {
				dim = dim.Varint(1, int64(d))
			}
		case string:
			dim = dim.Text(2, d)
		default:
			panic(fmt.Sprintf("onnxtest: dimension %v is a %T", d, d))
		}
		shape = shape.Bytes(1, dim)
	}
	typ := Message{}.Varint(1, int64(dt)).Bytes(2, shape)
	return Message{}.Text(1, name).Bytes(2, Message{}.Bytes(1, typ))
}
