package onnx

import (
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// kindOf maps the fields of an AttributeProto that hold values to the kind of
// value.
var kindOf = map[int32]attributeKind{
	attributeFloat: kindFloat, attributeInt: kindInt, attributeString: kindString, attributeTensor: kindTensor, attributeGraph: kindGraph,
	attributeFloats: kindFloats, attributeInts: kindInts, attributeStrings: kindStrings, attributeTensors: kindTensors, attributeGraphs: kindGraphs,
	attributeTypeProto: kindTypeProto, attributeTypeProtos: kindTypeProtos,
	attributeSparseTensor: kindSparseTensor, attributeSparseTensors: kindSparseTensors,
}

// attribute reads an AttributeProto of a node whose graph lies depth deep.
func (s *scanner) attribute(f *fields, into []attributeProto, depth int) []attributeProto {
	var a attributeProto
	var held, zero uint // kinds of value that are there; those of them that are zero or empty
	b := f.message()
	if b.err = f.err; b.err == nil {
		b.err = s.item()
	}
	for b.next() {
		switch b.num {
		case attributeName:
			a.name = b.text()
		case attributeType:
			a.kind = attributeKind(b.varint())
		case attributeRefName:
			a.ref = b.text()
		default:
			k, ok := kindOf[int32(b.num)]
			if !ok {
				break
			}
			if held |= 1 << k; s.attributeValue(&b, &a, k, depth) {
				zero |= 1 << k
			}
		}
	}
	if b.err == nil {
		b.err = a.settleKind(held, zero)
	}
	if b.err != nil {
		f.err = within(b.err, "attribute %s", quote(a.name))
	}
	return append(into, a)
}

// attributeValue checks and keeps one field with a value of kind k. It reports
// whether the value is its type's zero, which some writers put in every field.
func (s *scanner) attributeValue(f *fields, a *attributeProto, k attributeKind, depth int) (zero bool) {
	switch k {
	case kindFloat:
		zero = f.is(protowire.Fixed32Type) && f.bits == 0
	case kindInt:
		zero = f.varint() == 0
	case kindString:
		zero = len(f.bytes()) == 0
	case kindFloats:
		zero = len(f.fixed(4)) == 0
	case kindInts:
		zero = true
		f.varints(func(int64) { zero = false })
	case kindStrings:
		f.bytes()
		if err := s.item(); err != nil && f.err == nil {
			f.err = err
		}
	case kindTensor:
		if a.tensor != nil {
			f.fail("two tensors in one value")
			return false
		}
		var err error
		if a.tensor, err = s.tensor(f); err != nil && f.err == nil {
			f.err = err
		}
		return false
	case kindGraph:
		if a.graph != nil {
			f.fail("two graphs in one value")
			return false
		}
		a.graph = s.graphField(f, depth+1)
		return false
	default:
		return false
	}
	if a.value == nil {
		a.value = f.wire // its capacity ends there: appending to it copies
	} else {
		a.value = append(a.value, f.wire...)
	}
	return zero
}

// settleKind checks the declared kind against the values that are there, or
// finds it from them: before version 2 of the format no kind was declared.
func (a *attributeProto) settleKind(held, zero uint) error {
	switch {
	case a.name == "":
		return wrong(ErrCorrupt, "no name")
	case a.ref != "":
		return nil
	case a.kind == kindUndefined:
		if bits.OnesCount(held) != 1 {
			return wrong(ErrCorrupt, "no type, and %d values to find it from", bits.OnesCount(held))
		}
		a.kind = attributeKind(bits.TrailingZeros(held))
		return nil
	case a.kind < 0 || int(a.kind) >= len(kindNames):
		return wrong(ErrUnsupported, "attribute %s is of unknown %v", quote(a.name), a.kind)
	}
	if other := held &^ zero &^ (1 << a.kind); other != 0 {
		return wrong(ErrCorrupt, "said to hold %v, but holds %v", a.kind, attributeKind(bits.TrailingZeros(other)))
	}
	if a.kind == kindTensor && a.tensor == nil || a.kind == kindGraph && a.graph == nil {
		return wrong(ErrCorrupt, "said to hold a %v, but holds none", a.kind)
	}
	return nil
}
