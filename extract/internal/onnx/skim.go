package onnx

import (
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// mostSkimmed is how many fields a file may have on the two outermost levels: a node or
// a tensor is one.
const mostSkimmed = 10_000_000

// Skim refuses a file that cannot be a model, before it is read into memory: it looks at
// the beginning, and steps from field to field of the model and of its graph without
// reading what is in them. Of gigabytes that are something else, or that end in nothing,
// it reads a few thousand bytes.
func Skim(r io.ReaderAt, size int64) error {
	s := skimmer{file: r}
	head := s.at(0)
	if s.err == nil {
		if what := sniff(head); what != "" {
			return wrong(ErrNotONNX, "%s", what)
		}
		s.message(0, size, true)
	}
	return s.err
}

// A skimmer walks over the fields of a protobuf message in a file.
type skimmer struct {
	file   io.ReaderAt
	buf    [4096]byte
	window []byte // bytes of the file, from start on
	start  int64
	fields int
	err    error
}

// at returns some of the bytes from a place in the file on: more than a field's tag and
// length, unless the file ends.
func (s *skimmer) at(place int64) []byte {
	const enough = 2 * 10 // two varints
	if skip := place - s.start; skip >= 0 && skip+enough <= int64(len(s.window)) {
		return s.window[skip:]
	}
	n, err := s.file.ReadAt(s.buf[:], place)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	s.window, s.start = s.buf[:n], place
	return s.window
}

func (s *skimmer) message(from, end int64, model bool) {
	for at := from; at < end && s.err == nil; {
		if s.fields++; s.fields > mostSkimmed {
			s.err = wrong(ErrTooLarge, "more than %d fields", mostSkimmed)
			return
		}
		b := s.at(at)
		if s.err != nil {
			return
		}
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			s.err = wrong(ErrCorrupt, "field tag at byte %d: %s", at, reason(n))
			return
		}
		length, m := valueSize(typ, b[n:])
		if m >= 0 && (length > end || at+int64(n+m) > end-length) {
			m = codeCutShort
		}
		if m < 0 {
			s.err = wrong(ErrCorrupt, "field %d at byte %d: %s", num, at, reason(m))
			return
		}
		at += int64(n + m)
		if model && num == 7 && typ == protowire.BytesType {
			s.message(at, at+length, false)
		}
		at += length
	}
}

// codeCutShort is protowire's code for a message that ends too early.
var codeCutShort = func() int { _, n := protowire.ConsumeVarint(nil); return n }()

// valueSize returns how many bytes follow the m bytes of a value that b starts with: of
// a field with a length, that length. Negative codes are protowire's.
func valueSize(typ protowire.Type, b []byte) (length int64, m int) {
	switch typ {
	case protowire.VarintType:
		_, m = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		m = 4
	case protowire.Fixed64Type:
		m = 8
	case protowire.BytesType:
		var v uint64
		v, m = protowire.ConsumeVarint(b)
		if length = int64(v); length < 0 {
			m = codeCutShort
		}
	default:
		m = codeWireType
	}
	return length, m
}
