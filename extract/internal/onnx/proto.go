package onnx

import (
	"strconv"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// The messages of onnx.proto, as far as inference needs them, with ONNX's own
// names. Byte slices alias the file.

type modelProto struct {
	ir              int64
	producer        string
	producerVersion string
	opsets          map[string]int64
	metadata        map[string]string
	graph           *graphProto
	functions       map[functionID]*functionProto
}

type graphProto struct {
	name         string
	nodes        []*nodeProto
	initializers []*tensorProto
	inputs       []valueInfo
	outputs      []string
}

type nodeProto struct {
	index      int // place in its graph or function, for messages
	name       string
	op         string
	domain     string // "" for ai.onnx
	overload   string
	inputs     []string
	outputs    []string
	attributes []attributeProto
}

// label names the node in messages, as `node 17, Conv "stem"`.
func (n *nodeProto) label() string {
	name := n.name
	for i := 0; name == "" && i < len(n.outputs); i++ {
		name = n.outputs[i]
	}
	op := n.op
	if n.domain != "" {
		op = n.domain + "." + op
	}
	if len(op) > 80 {
		op = quote(op)
	}
	return "node " + strconv.Itoa(n.index) + ", " + op + " " + quote(name)
}

// An attributeProto of the kinds that onnx-go knows keeps its value as the
// fields of the file, for onnx-go to decode.
type attributeProto struct {
	name   string
	ref    string // of a function's attribute, which gives the value
	kind   attributeKind
	value  []byte
	tensor *tensorProto
	graph  *graphProto
}

// attributeKind is AttributeProto.AttributeType.
type attributeKind int64

const (
	kindUndefined attributeKind = iota
	kindFloat
	kindInt
	kindString
	kindTensor
	kindGraph
	kindFloats
	kindInts
	kindStrings
	kindTensors
	kindGraphs
	kindSparseTensor
	kindSparseTensors
	kindTypeProto
	kindTypeProtos
)

var kindNames = [...]string{"undefined", "float", "int", "string", "tensor", "graph", "floats", "ints",
	"strings", "tensors", "graphs", "sparse tensor", "sparse tensors", "type", "types"}

func (k attributeKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "kind " + strconv.FormatInt(int64(k), 10)
	}
	return kindNames[k]
}

// A valueInfo is a declared input.
type valueInfo struct {
	name  string
	typed bool // declared to be a tensor
	dtype tensor.DType
	dims  []graph.Dim // nil when no shape is declared
}

// A functionID names a function that the model itself defines.
type functionID struct{ domain, name, overload string }

type functionProto struct {
	id       functionID
	inputs   []string
	outputs  []string
	defaults []attributeProto
	nodes    []*nodeProto
	opsets   map[string]int64
}

// A tensorProto is a tensor whose values are still in the file.
type tensorProto struct {
	name     string
	dims     []int
	dtype    tensor.DType
	raw      []byte
	typed    uint32 // bit n: values in field n
	segment  bool
	external bool
	entries  map[string]string // where external values lie
	body     fields            // the whole message, to find typed values in
	decoded  *tensor.Tensor    // once it was asked for
}
