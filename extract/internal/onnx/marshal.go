package onnx

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// formatVersion is the version of the ONNX format that Marshal writes, that of ONNX
// 1.13: it knows all that a graph.Graph can hold.
const formatVersion = 8

// Marshal writes a graph as an ONNX model: what Parse reads. Values are in raw form,
// initializers and attributes in the order of their names, so a graph always gives the
// same bytes. Tensors without values cannot be written.
func Marshal(g *graph.Graph) ([]byte, error) {
	e := encoder{}
	e.varint(1, formatVersion)
	e.text(2, "featstore")
	body, err := graphMessage(g)
	if err != nil {
		return nil, err
	}
	e.message(7, body)
	for _, domain := range slices.Sorted(maps.Keys(g.Opsets)) {
		var o encoder
		o.text(1, domain)
		o.varint(2, g.Opsets[domain])
		e.message(8, o)
	}
	for _, key := range slices.Sorted(maps.Keys(g.Metadata)) {
		var m encoder
		m.text(1, key)
		m.text(2, g.Metadata[key])
		e.message(14, m)
	}
	return e, nil
}

// An encoder appends the fields of one protobuf message.
type encoder []byte

func (e *encoder) varint(field protowire.Number, v int64) {
	*e = protowire.AppendVarint(protowire.AppendTag(*e, field, protowire.VarintType), uint64(v))
}

func (e *encoder) float(field protowire.Number, v float32) {
	*e = protowire.AppendFixed32(protowire.AppendTag(*e, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (e *encoder) text(field protowire.Number, s string) { e.message(field, []byte(s)) }

func (e *encoder) message(field protowire.Number, m []byte) {
	*e = protowire.AppendBytes(protowire.AppendTag(*e, field, protowire.BytesType), m)
}

// graphMessage is a GraphProto.
func graphMessage(g *graph.Graph) (encoder, error) {
	var e encoder
	for _, n := range g.Nodes {
		m, err := nodeMessage(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Label(), err)
		}
		e.message(1, m)
	}
	name := g.Name
	if name == "" {
		name = "main" // ONNX's checker wants one
	}
	e.text(2, name)
	for _, name := range slices.Sorted(maps.Keys(g.Initializers)) {
		m, err := tensorMessage(name, g.Initializers[name])
		if err != nil {
			return nil, fmt.Errorf("initializer %s: %w", quote(name), err)
		}
		e.message(5, m)
	}
	for _, in := range g.Inputs {
		e.message(11, valueInfoMessage(in.Name, in.DType, in.Dims))
	}
	for _, out := range g.Outputs {
		e.message(12, valueInfoMessage(out.Name, cmp.Or(out.DType, tensor.Float32), out.Dims))
	}
	return e, nil
}

// valueInfoMessage is a ValueInfoProto. Dims may be nil for an unknown shape.
func valueInfoMessage(name string, dt tensor.DType, dims []graph.Dim) encoder {
	var kind encoder
	kind.varint(1, int64(dt))
	if dims != nil {
		var shape encoder
		for _, d := range dims {
			var dim encoder
			switch {
			case d.Symbol == "":
				dim.varint(1, int64(d.Size))
			case d.Symbol != "?":
				dim.text(2, d.Symbol)
			}
			shape.message(1, dim)
		}
		kind.message(2, shape)
	}
	var value, typ encoder
	typ.message(1, kind)
	value.text(1, name)
	value.message(2, typ)
	return value
}

// nodeMessage is a NodeProto.
func nodeMessage(n *graph.Node) (encoder, error) {
	var e encoder
	for _, in := range n.Inputs {
		e.text(1, in)
	}
	for _, out := range n.Outputs {
		e.text(2, out)
	}
	if n.Name != "" {
		e.text(3, n.Name)
	}
	e.text(4, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		m, err := attributeMessage(name, n.Attrs[name])
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", quote(name), err)
		}
		e.message(5, m)
	}
	if n.Domain != "" {
		e.text(7, n.Domain)
	}
	return e, nil
}

// attributeMessage is an AttributeProto. Lists are not packed: ONNX's messages are of
// protobuf's second version.
func attributeMessage(name string, a graph.Attr) (encoder, error) {
	var e encoder
	e.text(1, name)
	var kind int64
	switch v := a.(type) {
	case float32:
		e.float(2, v)
		kind = 1
	case int64:
		e.varint(3, v)
		kind = 2
	case string:
		e.text(4, v)
		kind = 3
	case *tensor.Tensor:
		m, err := tensorMessage("", v)
		if err != nil {
			return nil, err
		}
		e.message(5, m)
		kind = 4
	case *graph.Graph:
		m, err := graphMessage(v)
		if err != nil {
			return nil, err
		}
		e.message(6, m)
		kind = 5
	case []float32:
		for _, x := range v {
			e.float(7, x)
		}
		kind = 6
	case []int64:
		for _, x := range v {
			e.varint(8, x)
		}
		kind = 7
	case []string:
		for _, x := range v {
			e.text(9, x)
		}
		kind = 8
	default:
		return nil, fmt.Errorf("%w: a value of type %T", ErrUnsupported, a)
	}
	e.varint(20, kind)
	return e, nil
}

// tensorMessage is a TensorProto with its values in raw form.
func tensorMessage(name string, t *tensor.Tensor) (encoder, error) {
	if !t.Known() {
		return nil, fmt.Errorf("%w: %v without values", ErrUnsupported, t)
	}
	raw, err := binary.Append(nil, binary.LittleEndian, t.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrUnsupported, t, err)
	}
	e := make(encoder, 0, len(raw)+len(name)+64)
	for _, d := range t.Shape {
		e.varint(1, int64(d))
	}
	e.varint(2, int64(t.DType))
	if name != "" {
		e.text(8, name)
	}
	e.message(9, raw)
	return e, nil
}
