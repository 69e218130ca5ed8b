package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"featstore/extract/internal/onnx"

	"google.golang.org/protobuf/encoding/protowire"
)

var kinds = []error{onnx.ErrNotONNX, onnx.ErrCorrupt, onnx.ErrTooLarge, onnx.ErrUnsupported, onnx.ErrExternal}

// checkAny parses what may be anything and checks what Parse promises.
func checkAny(t testing.TB, data []byte) {
	t.Helper()
	const least = 4 << 20
	var err error
	took := allocated(func() {
		g, e := onnx.Parse(data, onnx.Options{
			Limits:   onnx.Limits{MaxTensorBytes: 1 << 20, MaxNodes: 5000},
			External: fstest.MapFS{"w.bin": {Data: make([]byte, 64)}},
		})
		if err = e; err == nil {
			checkOrder(t, g)
		}
	})
	if most := uint64(least + 200*len(data)); took > most {
		t.Errorf("%d bytes allocated for %d in the file", took, len(data))
	}
	if err == nil {
		return
	}
	for _, k := range kinds {
		if errors.Is(err, k) {
			return
		}
	}
	t.Errorf("an error of no known kind: %v", err)
}

func FuzzParse(f *testing.F) {
	f.Add(small().Bytes())
	f.Add(hostileEnough())
	f.Add(wrapped(70))
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "models", "*.onnx"))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		head := headOf(data, 12)
		if _, err := onnx.Parse(head, onnx.Options{}); err != nil {
			f.Fatalf("head of %s: %v", name, err)
		}
		f.Add(head)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAny(t, data) })
}

// headOf returns the start of a network: its first nodes, the last of which makes
// the output, and its initializers with their values left out.
func headOf(model []byte, nodes int) []byte {
	return rewrite(model, func(num protowire.Number, v []byte) []byte {
		if num != 7 {
			return v
		}
		last := nthOutput(v, nodes)
		return rewrite(v, func(num protowire.Number, v []byte) []byte {
			switch num {
			case 1:
				if nodes--; nodes < 0 {
					return nil
				}
			case 5:
				return emptied(v)
			case 12:
				return rewrite(v, func(num protowire.Number, v []byte) []byte {
					if num == 1 {
						return last
					}
					return v
				})
			case 13:
				return nil
			}
			return v
		})
	})
}

// rewrite copies a message with its bytes fields replaced, or left out if that is nil.
func rewrite(msg []byte, edit func(protowire.Number, []byte) []byte) []byte {
	out := []byte{}
	for len(msg) > 0 {
		num, typ, tag := protowire.ConsumeTag(msg)
		size := protowire.ConsumeFieldValue(num, typ, msg[tag:])
		if tag < 0 || size < 0 {
			panic("not a protobuf message")
		}
		if typ != protowire.BytesType {
			out = append(out, msg[:tag+size]...)
		} else if v, _ := protowire.ConsumeBytes(msg[tag:]); true {
			if v = edit(num, v); v != nil {
				out = protowire.AppendBytes(protowire.AppendTag(out, num, typ), v)
			}
		}
		msg = msg[tag+size:]
	}
	return out
}

// nthOutput returns the name of the first output of a graph's n-th node.
func nthOutput(graph []byte, n int) (name []byte) {
	rewrite(graph, func(num protowire.Number, node []byte) []byte {
		if num == 1 {
			if n--; n == 0 {
				rewrite(node, func(num protowire.Number, v []byte) []byte {
					if num == 2 && name == nil {
						name = v
					}
					return v
				})
			}
		}
		return node
	})
	return name
}

// emptied returns a tensor with no values: its dimensions become one that is 0.
func emptied(t []byte) []byte {
	out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 0)
	for len(t) > 0 {
		num, typ, tag := protowire.ConsumeTag(t)
		size := protowire.ConsumeFieldValue(num, typ, t[tag:])
		if num == 2 || num == 8 {
			out = append(out, t[:tag+size]...)
		}
		t = t[tag+size:]
	}
	return out
}
