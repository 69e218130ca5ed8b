package onnx

import (
	"io"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields walks over the fields of one protobuf message without copying:
//
//	for f.next() {
//		switch f.num {
//		case 1:
//			name = f.text()
//		}
//	}
//	return f.err
//
// The first error ends the walk and stays in err. Unknown fields are skipped, as the
// format demands.
type fields struct {
	buf []byte // what is left of the message
	at  int    // where buf starts in the file

	num  protowire.Number
	typ  protowire.Type
	bits uint64 // the value of a number
	data []byte // the value of a length-delimited field
	from int    // where data starts in the file
	wire []byte // the whole field with its tag

	err error
}

// next moves to the next field.
func (f *fields) next() bool {
	if f.err != nil || len(f.buf) == 0 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.buf)
	if n < 0 {
		f.fail("field tag at byte %d: %s", f.at, reason(n))
		return false
	}
	f.num, f.typ, f.data, f.bits = num, typ, nil, 0
	m := f.consume(f.buf[n:])
	if m < 0 {
		f.fail("field %d at byte %d: %s", num, f.at, reason(m))
		return false
	}
	f.wire, f.from = f.buf[:n+m:n+m], f.at+n+m-len(f.data)
	f.buf, f.at = f.buf[n+m:], f.at+n+m
	return true
}

// consume reads the value of the present field from the front of b and returns
// its length, or one of protowire's negative codes.
func (f *fields) consume(b []byte) int {
	var n int
	switch f.typ {
	case protowire.VarintType:
		f.bits, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.bits = uint64(v)
	case protowire.Fixed64Type:
		f.bits, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.data, n = protowire.ConsumeBytes(b)
	default: // groups, which ONNX has none of, could nest without bound
		n = codeWireType
	}
	return n
}

const codeWireType = -100 // not one of protowire's own codes

// reason puts one of protowire's negative codes in words.
func reason(code int) string {
	if code == codeWireType {
		return "a group, which ONNX does not have"
	}
	if err := protowire.ParseError(code); err == io.ErrUnexpectedEOF {
		return "cut short"
	}
	return "not valid protobuf"
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = wrong(ErrCorrupt, format, args...)
	}
}

// is checks the wire type of the present field.
func (f *fields) is(t protowire.Type) bool {
	if f.typ != t {
		f.fail("field %d before byte %d has wire type %d, not %d", f.num, f.at, f.typ, t)
	}
	return f.typ == t
}

// varint returns the value of an integer field.
func (f *fields) varint() int64 {
	f.is(protowire.VarintType)
	return int64(f.bits)
}

// bytes returns the value of a bytes field, which aliases the file.
func (f *fields) bytes() []byte {
	f.is(protowire.BytesType)
	return f.data
}

// text returns the value of a string field.
func (f *fields) text() string {
	b := f.bytes()
	if !utf8.Valid(b) {
		f.fail("field %d at byte %d: %s is not UTF-8", f.num, f.from, quote(string(b[:min(len(b), 100)])))
	}
	return string(b)
}

// message returns a walk over the message in the present field.
func (f *fields) message() fields {
	return fields{buf: f.bytes(), at: f.from}
}

// each visits the fields of the message in the present field and takes over the
// error that ends the walk.
func (f *fields) each(visit func(*fields)) {
	b := f.message()
	for b.next() {
		visit(&b)
	}
	if f.err == nil {
		f.err = b.err
	}
}

// varints calls yield with each of the integers in the present field, which may
// be a single one or a packed list.
func (f *fields) varints(yield func(int64)) {
	if f.typ == protowire.VarintType {
		yield(int64(f.bits))
		return
	}
	b := f.bytes()
	for len(b) > 0 && f.err == nil {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			f.fail("field %d before byte %d: list of integers: %s", f.num, f.at, reason(n))
			return
		}
		yield(int64(v))
		b = b[n:]
	}
}

// fixed returns the bytes of one or more numbers of a fixed size: 4 or 8 bytes.
func (f *fields) fixed(size int) []byte {
	want := protowire.Fixed32Type
	if size == 8 {
		want = protowire.Fixed64Type
	}
	if f.typ == want {
		return f.wire[len(f.wire)-size:]
	}
	b := f.bytes()
	if len(b)%size != 0 {
		f.fail("field %d before byte %d: %d bytes are no list of %d-byte numbers", f.num, f.at, len(b), size)
		return nil
	}
	return b
}
