package store_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"featstore/store"
)

// plainMsgpack reads a blob as a program would that knows only msgpack and the
// package comment.
func plainMsgpack(t testing.TB, blob []byte) []float32 {
	t.Helper()
	dec := msgpack.NewDecoder(bytes.NewReader(blob))
	id, n, err := dec.DecodeExtHeader()
	if err != nil || id != 1 {
		t.Fatalf("ext type %d, %v", id, err)
	}
	data := make([]byte, n)
	if err := dec.ReadFull(data); err != nil {
		t.Fatal(err)
	}
	if blob[0] == 0xc9 {
		data = data[2:]
	}
	if sum := crc32.Checksum(data[4:], crc32.MakeTable(crc32.Castagnoli)); sum != binary.LittleEndian.Uint32(data) {
		t.Fatalf("checksum %08x, computed %08x", binary.LittleEndian.Uint32(data), sum)
	}
	vec := make([]float32, len(data[4:])/4)
	for i := range vec {
		vec[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4+4*i:]))
	}
	return vec
}

// bits compares floats as bits: NaN equals itself.
func bits(vec []float32) []uint32 {
	b := make([]uint32, len(vec))
	for i, v := range vec {
		b[i] = math.Float32bits(v)
	}
	return b
}

func TestBlobIsPlainMsgpack(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1280, 16381, 16382, 16383, 16384, 70000} {
		vec := make([]float32, n)
		for i := range vec {
			vec[i] = float32(i) - 7.5
		}
		blob := store.AppendBlob(nil, vec)
		if len(blob) != store.BlobSize(n) || len(blob)%4 != 0 {
			t.Errorf("%d floats: %d bytes, BlobSize says %d", n, len(blob), store.BlobSize(n))
		}
		if got := plainMsgpack(t, blob); !slices.Equal(got, vec) {
			t.Errorf("%d floats: plain msgpack reads other values", n)
		}
	}
}

// These bytes were checked with numpy and msgpack as in the package comment, the
// checksum with a bitwise CRC-32C in Python.
func TestBlobIsFrozen(t *testing.T) {
	got := store.AppendBlob(nil, []float32{1, -2.5})
	want := []byte{0xc8, 0, 12, 1, 0xcb, 0x11, 0xbd, 0xd5, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0}
	if !bytes.Equal(got, want) {
		t.Errorf("got % x\nwant % x", got, want)
	}
}

func TestBlobRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.Uint32()).Draw(t, "bits")
		vec := make([]float32, len(raw))
		for i, b := range raw {
			vec[i] = math.Float32frombits(b)
		}
		shift := rapid.IntRange(0, 7).Draw(t, "shift")
		blob := store.AppendBlob(make([]byte, shift), vec)[shift:]
		got, err := store.DecodeBlob(blob)
		if err != nil || !slices.Equal(bits(got), raw) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

func TestDecodeBlobAliasesOnlyAligned(t *testing.T) {
	blob := store.AppendBlob(nil, []float32{1, 2, 3})
	buf := make([]byte, len(blob)+4)
	for shift := range 4 {
		b := buf[shift : shift+len(blob)]
		copy(b, blob)
		vec, err := store.DecodeBlob(b)
		if err != nil || !slices.Equal(vec, []float32{1, 2, 3}) {
			t.Fatal(vec, err)
		}
		aligned := uintptr(unsafe.Pointer(&b[0]))%4 == 0
		aliased := unsafe.Pointer(&vec[0]) == unsafe.Pointer(&b[8])
		if aliased != aligned {
			t.Errorf("shift %d: aliased %v, aligned %v", shift, aliased, aligned)
		}
	}
}

func TestDecodeBlobNoticesEveryFlippedBit(t *testing.T) {
	for _, n := range []int{1, 5, 16383} {
		blob := store.AppendBlob(nil, make([]float32, n))
		for i := range min(8*len(blob), 400) {
			bad := bytes.Clone(blob)
			bad[i/8] ^= 1 << (i % 8)
			if _, err := store.DecodeBlob(bad); err == nil {
				t.Errorf("%d floats: bit %d flipped unnoticed", n, i)
			}
		}
		for cut := range min(len(blob), 40) {
			if _, err := store.DecodeBlob(blob[:cut]); err == nil {
				t.Errorf("%d floats: cut to %d bytes unnoticed", n, cut)
			}
		}
		if _, err := store.DecodeBlob(append(bytes.Clone(blob), 0, 0, 0, 0)); err == nil {
			t.Error("four more bytes unnoticed")
		}
	}
}

func TestDecodeBlobSaysWhatItFound(t *testing.T) {
	_, err := store.DecodeBlob([]byte("plain text"))
	if err == nil || !strings.Contains(err.Error(), "not a vector: they begin with 70 6c") {
		t.Error(err)
	}
}

func FuzzDecodeBlob(f *testing.F) {
	f.Add([]byte{})
	f.Add(store.AppendBlob(nil, []float32{1, 2}))
	f.Add(store.AppendBlob(nil, make([]float32, 16383))[:64])
	f.Fuzz(func(t *testing.T, b []byte) {
		vec, err := store.DecodeBlob(b)
		if err == nil && !bytes.Equal(store.AppendBlob(nil, vec), b) {
			t.Errorf("% x decodes, but is encoded otherwise", b)
		}
	})
}

func FuzzDecodeRecords(f *testing.F) {
	for _, v := range []any{
		map[string]any{"digest": make([]byte, 32), "size": 1, "mtime": 2, "label": "daisy"},
		map[string]any{"labels": []string{"a", "b"}, "params": []byte{1}, "trained": map[string]any{"counts": [][]int{{1, 2, 3}}}},
		store.Model{Dim: 3}, "training", 17, []any{nil},
	} {
		b, err := msgpack.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { store.DecodeRecords(b) })
}
