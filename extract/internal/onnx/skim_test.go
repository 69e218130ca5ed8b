package onnx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"featstore/extract/internal/onnx"
)

// countingReader is a file that counts what is read of it.
type countingReader struct {
	io.ReaderAt
	bytes int64
}

func (c *countingReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.bytes += int64(n)
	return n, err
}

// hole is a file that begins with some bytes and goes on with zeros.
type hole struct {
	start []byte
	size  int64
}

func (h hole) ReadAt(p []byte, at int64) (int, error) {
	n := int(min(int64(len(p)), h.size-at))
	clear(p[:n])
	if at < int64(len(h.start)) {
		copy(p[:n], h.start[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// What cannot be a model is refused by some thousand bytes of it.
func TestSkimReadsLittle(t *testing.T) {
	graph := protowire.AppendTag(nil, 7, protowire.BytesType)
	for _, c := range []struct {
		name  string
		start []byte
		kind  error
	}{
		{"zeros", nil, onnx.ErrCorrupt},
		{"a model, then zeros", small().Bytes(), onnx.ErrCorrupt},
		{"a graph of zeros", protowire.AppendVarint(bytes.Clone(graph), 1<<31), onnx.ErrCorrupt},
		{"a field longer than the file", protowire.AppendVarint(bytes.Clone(graph), 1<<40), onnx.ErrCorrupt},
		{"a field of negative length", protowire.AppendVarint(bytes.Clone(graph), math.MaxUint64), onnx.ErrCorrupt},
		{"a web page", []byte("<html>"), onnx.ErrNotONNX},
	} {
		h := hole{c.start, 1<<31 + 100}
		r := &countingReader{ReaderAt: h}
		if err := onnx.Skim(r, h.size); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.name, err)
		}
		if r.bytes > 1<<16 {
			t.Errorf("%s: %d bytes were read", c.name, r.bytes)
		}
	}
	broken := errors.New("disk on fire")
	if err := onnx.Skim(fails{broken}, 100); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type fails struct{ err error }

func (f fails) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// Skim accepts whatever Parse accepts, cut or changed anywhere.
func TestSkimAgreesWithParse(t *testing.T) {
	models := [][]byte{small().Bytes(), elsewhere("w.bin", 0, 8)}
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(rapid.SampledFrom(models).Draw(t, "model"))
		data = data[:rapid.IntRange(0, len(data)).Draw(t, "cut")]
		for i := range rapid.IntRange(0, 2).Draw(t, "changes") {
			if len(data) > 0 {
				data[rapid.IntRange(0, len(data)-1).Draw(t, fmt.Sprint("at", i))] = rapid.Byte().Draw(t, fmt.Sprint("to", i))
			}
		}
		_, parsed := onnx.Parse(data, onnx.Options{})
		if err := onnx.Skim(bytes.NewReader(data), int64(len(data))); err != nil && (parsed == nil || errors.Is(parsed, onnx.ErrExternal)) {
			t.Fatalf("skimmed: %v, parsed: %v", err, parsed)
		}
	})
}
