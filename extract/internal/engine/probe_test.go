package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/nodetest"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// A probe is an operator test as a network that the engine takes: one float32 input,
// one float32 result. The test's other inputs are constants.
type probe struct {
	what    string // which output is computed of which inputs
	form    form
	graph   *graph.Graph
	tap     string
	input   *tensor.Tensor
	want    *tensor.Tensor // float32
	folded  bool           // the output does not depend on the input's values, which pass it by
	shaping bool           // the input decides the output's shape: no network of the engine
}

// Nodes and values that a probe adds to a test have names of their own.
const added = "probe: "

// probesOf makes the probes of a test: for every output, each input that has values
// varies in turn, in each form, and then all of floating-point numbers at once, but for
// those that decide a shape. Where none may vary, the engine has to fold all of it.
func probesOf(c *nodetest.Case) ([]probe, error) {
	var probes []probe
	for i, out := range c.Outputs() {
		var free, floats []string
		for _, name := range inputsWithValues(c) {
			for _, f := range formsOf(c.Inputs[name]) {
				p, err := newProbe(c, f, []string{name}, out, c.Want[i])
				if err != nil {
					return nil, err
				}
				probes = append(probes, p)
			}
			if !probes[len(probes)-1].shaping {
				free = append(free, name)
				if isFloatType(c.Inputs[name].DType) {
					floats = append(floats, name)
				}
			}
		}
		if len(floats) > 1 || len(free) == 0 {
			p, err := newProbe(c, plain, floats, out, c.Want[i])
			if err != nil {
				return nil, err
			}
			probes = append(probes, p)
		}
	}
	return probes, nil
}

// A form is how an input that varies comes to the operator.
type form string

const (
	plain  form = "plain"
	turned form = "turned" // with its axes the other way round in memory
	cut    form = "cut"    // as a part of something wider
)

func formsOf(t *tensor.Tensor) []form {
	switch {
	case t.DType != tensor.Float32 || len(t.Shape) == 0:
		return []form{plain}
	case len(t.Shape) == 1:
		return []form{plain, cut}
	}
	return []form{plain, turned, cut}
}

func inputsWithValues(c *nodetest.Case) []string {
	var names []string
	for _, in := range c.Graph.Inputs {
		if tensor.Len(c.Inputs[in.Name].Shape) > 0 {
			names = append(names, in.Name)
		}
	}
	return names
}

func newProbe(c *nodetest.Case, f form, varying []string, out string, want *tensor.Tensor) (probe, error) {
	b := newProber(c, varying)
	p := probe{what: fmt.Sprintf("%q of %q, %s", out, varying, f), form: f, graph: b.graph, input: b.feed(c, f, varying), want: float32Of(want)}
	b.graph.Nodes = append(b.graph.Nodes, c.Graph.Nodes...)
	known, err := op.Interpret(b.graph, map[string]*tensor.Tensor{b.graph.Inputs[0].Name: tensor.Abstract(tensor.Float32, p.input.Shape...)})
	p.shaping = errors.Is(err, op.ErrNeedsValue)
	if err != nil && !p.shaping {
		return probe{}, err
	}
	p.tap = b.float(out, want.DType)
	if t := known[out]; t != nil && (t.Known() || hasZero(t.Shape)) || sumAlone(c.Graph, out, varying) {
		p.folded = true
		p.tap = b.passing(p.tap)
	}
	return p, nil
}

// sumAlone reports whether out is the sum that a SkipLayerNormalization computes by the
// way, which does not depend on its scale and shift.
func sumAlone(g *graph.Graph, out string, varying []string) bool {
	return slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool {
		return n.Op == "SkipLayerNormalization" && len(n.Outputs) > 3 && n.Outputs[3] == out && len(varying) == 1 &&
			(varying[0] == n.Input(2) || varying[0] == n.Input(3))
	})
}

func isFloatType(t tensor.DType) bool {
	return t == tensor.Float32 || t == tensor.Float16 || t == tensor.Float64
}

func float32Of(t *tensor.Tensor) *tensor.Tensor {
	x := make([]float32, 0, tensor.Len(t.Shape))
	for _, v := range nodetest.Floats(t) {
		x = append(x, float32(v))
	}
	return tensor.New(x, t.Shape...)
}

// A prober adds to a test's graph what makes a probe of it.
type prober struct {
	graph *graph.Graph
	opset int64
	names int
}

func newProber(c *nodetest.Case, varying []string) *prober {
	g := *c.Graph
	g.Nodes, g.Initializers = nil, maps.Clone(g.Initializers)
	if g.Initializers == nil {
		g.Initializers = map[string]*tensor.Tensor{}
	}
	for name, t := range c.Inputs {
		if !slices.Contains(varying, name) {
			g.Initializers[name] = t
		}
	}
	return &prober{graph: &g, opset: g.Opsets[""]}
}

// feed declares the one input, adds the nodes that make the varying inputs of it, and
// returns its value.
func (b *prober) feed(c *nodetest.Case, f form, varying []string) *tensor.Tensor {
	if len(varying) == 1 {
		x := c.Inputs[varying[0]]
		switch {
		case f == turned:
			return b.turned(x, varying[0])
		case f == cut:
			return b.wider(x, varying[0])
		case x.DType == tensor.Float32:
			b.graph.Inputs = []graph.Input{{Name: varying[0], DType: tensor.Float32}}
			return x
		}
		b.graph.Inputs = []graph.Input{{Name: added + "input", DType: tensor.Float32}}
		b.cast(added+"input", varying[0], x.DType)
		return float32Of(x)
	}
	b.graph.Inputs = []graph.Input{{Name: added + "input", DType: tensor.Float32}}
	all := []float32{}
	for _, name := range varying {
		x := c.Inputs[name]
		part := tensor.Values[float32](float32Of(x))
		piece := b.add("Reshape", b.cut(added+"input", b.fresh(), 0, len(all), len(part)), b.ints(x.Shape...))
		b.cast(piece, name, x.DType)
		all = append(all, part...)
	}
	if len(all) == 0 {
		all = []float32{1}
	}
	return tensor.New(all, len(all))
}

func (b *prober) node(op, out string, attrs map[string]graph.Attr, inputs ...string) string {
	b.graph.Nodes = append(b.graph.Nodes, &graph.Node{Name: added + op, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (b *prober) add(op string, inputs ...string) string {
	return b.node(op, b.fresh(), nil, inputs...)
}

func (b *prober) fresh() string {
	b.names++
	return fmt.Sprintf("%s%d", added, b.names)
}

func (b *prober) constant(t *tensor.Tensor) string {
	name := b.fresh()
	b.graph.Initializers[name] = t
	return name
}

func (b *prober) ints(v ...int) string {
	wide := make([]int64, len(v))
	for i, x := range v {
		wide[i] = int64(x)
	}
	return b.constant(tensor.New(wide, len(wide)))
}

// cut makes the value called out of n elements of an axis.
func (b *prober) cut(x, out string, axis, from, n int) string {
	if b.opset < 10 {
		attrs := map[string]graph.Attr{"starts": ints(int64(from)), "ends": ints(int64(from + n)), "axes": ints(int64(axis))}
		return b.node("Slice", out, attrs, x)
	}
	return b.node("Slice", out, nil, x, b.ints(from), b.ints(from+n), b.ints(axis))
}

// turned makes the value called out, x, of an input whose axes come the other way round.
func (b *prober) turned(x *tensor.Tensor, out string) *tensor.Tensor {
	var perm []int
	var attr []int64
	for axis := range slices.Backward(x.Shape) {
		perm, attr = append(perm, axis), append(attr, int64(axis))
	}
	src, data := tensor.Values[float32](x), []float32{}
	forEachOffset(x.Shape, perm, func(at int) { data = append(data, src[at]) })
	b.graph.Inputs = []graph.Input{{Name: added + "input", DType: tensor.Float32}}
	b.node("Transpose", out, map[string]graph.Attr{"perm": attr}, added+"input")
	shape := slices.Clone(x.Shape)
	slices.Reverse(shape)
	return tensor.New(data, shape...)
}

// wider makes the value called out, x, of an input that has more along the last axis.
func (b *prober) wider(x *tensor.Tensor, out string) *tensor.Tensor {
	last := len(x.Shape) - 1
	var data []float32
	for row := range slices.Chunk(tensor.Values[float32](x), x.Shape[last]) {
		data = append(append(append(data, 99), row...), -99, 999)
	}
	b.graph.Inputs = []graph.Input{{Name: added + "input", DType: tensor.Float32}}
	b.cut(added+"input", out, last, 1, x.Shape[last])
	shape := slices.Clone(x.Shape)
	shape[last] += 3
	return tensor.New(data, shape...)
}

// cast makes the value called out of one of float32: 8-bit numbers by QuantizeLinear,
// as networks have them.
func (b *prober) cast(x, out string, to tensor.DType) {
	switch {
	case b.opset >= 10 && to == tensor.Uint8:
		b.node("QuantizeLinear", out, nil, x, b.constant(tensor.New([]float32{1})), b.constant(tensor.New([]uint8{0})))
	case b.opset >= 10 && to == tensor.Int8:
		b.node("QuantizeLinear", out, nil, x, b.constant(tensor.New([]float32{1})), b.constant(tensor.New([]int8{0})))
	case to == tensor.Float32:
		b.node("Identity", out, nil, x)
	default:
		b.node("Cast", out, map[string]graph.Attr{"to": int64(to)}, x)
	}
}

// float makes float32 of a value of any type.
func (b *prober) float(x string, from tensor.DType) string {
	switch {
	case from == tensor.Float32:
		return x
	case b.opset >= 10 && (from == tensor.Uint8 || from == tensor.Int8):
		return b.add("DequantizeLinear", x, b.constant(tensor.New([]float32{1})))
	}
	return b.node("Cast", b.fresh(), map[string]graph.Attr{"to": int64(tensor.Float32)}, x)
}

// passing joins a value that does not depend on the input with the input.
func (b *prober) passing(x string) string {
	flat := []string{b.add("Reshape", x, b.ints(-1)), b.add("Reshape", b.graph.Inputs[0].Name, b.ints(-1))}
	return b.node("Concat", b.fresh(), map[string]graph.Attr{"axis": int64(0)}, flat...)
}
