package onnxtest

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Message is an encoded protobuf message, built field by field.
type Message []byte

// Varint appends an integer field.
func (m Message) Varint(num int, v int64) Message {
	return protowire.AppendVarint(protowire.AppendTag(m, protowire.Number(num), protowire.VarintType), uint64(v))
}

// Float appends a float field.
func (m Message) Float(num int, v float32) Message {
	return protowire.AppendFixed32(protowire.AppendTag(m, protowire.Number(num), protowire.Fixed32Type), math.Float32bits(v))
}

// Double appends a double field.
func (m Message) Double(num int, v float64) Message {
	return protowire.AppendFixed64(protowire.AppendTag(m, protowire.Number(num), protowire.Fixed64Type), math.Float64bits(v))
}

// Text appends a string field.
func (m Message) Text(num int, s string) Message { return m.Bytes(num, []byte(s)) }

// Bytes appends a field of bytes or a message within this one.
func (m Message) Bytes(num int, b []byte) Message {
	return protowire.AppendBytes(protowire.AppendTag(m, protowire.Number(num), protowire.BytesType), b)
}

// Packed returns integers as the contents of a packed field.
func Packed(values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = protowire.AppendVarint(b, uint64(v))
	}
	return b
}

// entry is a StringStringEntryProto.
func entry(key, value string) Message { return Message{}.Text(1, key).Text(2, value) }
