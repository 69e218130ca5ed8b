package onnx

import "google.golang.org/protobuf/encoding/protowire"

// skeleton writes g as a model of its own for onnx-go: the names of its inputs and
// outputs, and its nodes with the attributes of the kinds that onnx-go reads. See
// the package comment for what is left out and why.
func skeleton(g *graphProto, feeds []valueInfo) []byte {
	var b, node, attr []byte
	for _, n := range g.nodes {
		node = node[:0]
		for _, name := range n.inputs {
			node = appendString(node, nodeInput, name)
		}
		for _, name := range n.outputs {
			node = appendString(node, nodeOutput, name)
		}
		node = appendString(node, nodeName, n.name)
		node = appendString(node, nodeOpType, n.op)
		for i := range n.attributes {
			a := &n.attributes[i]
			if !a.kind.delivered() {
				continue
			}
			attr = appendString(attr[:0], attributeName, a.name)
			attr = append(attr, a.value...)
			attr = protowire.AppendTag(attr, attributeType, protowire.VarintType)
			attr = protowire.AppendVarint(attr, uint64(a.kind))
			node = appendBytes(node, nodeAttribute, attr)
		}
		b = appendBytes(b, graphNode, node)
	}
	for _, v := range feeds {
		b = appendBytes(b, graphInput, appendString(nil, valueInfoName, v.name))
	}
	for _, name := range g.outputs {
		b = appendBytes(b, graphOutput, appendString(nil, valueInfoName, name))
	}
	return appendBytes(nil, modelGraph, b)
}

// delivered reports whether onnx-go delivers attributes of this kind whole.
func (k attributeKind) delivered() bool {
	switch k {
	case kindFloat, kindInt, kindString, kindFloats, kindInts, kindStrings:
		return true
	}
	return false
}

// feeds returns the inputs without those that an initializer of the same name
// gives a value: before version 4 of the format, every initializer was also an
// input.
func (g *graphProto) feeds() []valueInfo {
	constant := make(map[string]bool, len(g.initializers))
	for _, t := range g.initializers {
		constant[t.name] = true
	}
	var in []valueInfo
	for _, v := range g.inputs {
		if !constant[v.name] {
			in = append(in, v)
		}
	}
	return in
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}
