package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"unsafe"
)

const (
	extType = 1 // msgpack application type of a vector

	ext16Code   = 0xc8
	ext32Code   = 0xc9
	ext16Header = 4     // code, size, type
	ext32Header = 6 + 2 // code, size, type, padding
	crcSize     = 4

	// maxExt16 is the longest vector whose CRC and floats fit an ext16.
	maxExt16 = (math.MaxUint16 - crcSize) / 4

	// MaxDim is the longest vector that a store takes: 64 MB of floats.
	MaxDim = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// nativeLittle tells whether floats in memory are laid out as in a blob.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// BlobSize returns the number of bytes AppendBlob writes for dim floats.
func BlobSize(dim int) int {
	if dim <= maxExt16 {
		return ext16Header + crcSize + 4*dim
	}
	return ext32Header + crcSize + 4*dim
}

// AppendBlob appends the stored form of vec to dst: one msgpack ext value. The
// package comment describes its bytes. It does not judge the values.
func AppendBlob(dst []byte, vec []float32) []byte {
	if n := crcSize + 4*len(vec); len(vec) <= maxExt16 {
		dst = append(dst, ext16Code, byte(n>>8), byte(n), extType)
	} else {
		dst = append(dst, ext32Code)
		dst = binary.BigEndian.AppendUint32(dst, uint32(n+2))
		dst = append(dst, extType, 0, 0)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendFloats(dst, vec)
	binary.LittleEndian.PutUint32(dst[at:], crc32.Checksum(dst[at+crcSize:], castagnoli))
	return dst
}

func appendFloats(dst []byte, vec []float32) []byte {
	if nativeLittle && len(vec) > 0 {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(&vec[0])), 4*len(vec))...)
	}
	for _, v := range vec {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// DecodeBlob returns the vector stored in b, which must be one whole blob with a
// matching checksum. The result aliases b where b is aligned, as it is in a store,
// and must then not outlive it; otherwise it is a copy.
func DecodeBlob(b []byte) ([]float32, error) {
	data, sum, err := blobFloats(b)
	if err != nil {
		return nil, err
	}
	if got := crc32.Checksum(data, castagnoli); got != sum {
		return nil, fmt.Errorf("vector has checksum %08x, its bytes have %08x", sum, got)
	}
	return floatsOf(data), nil
}

// blobFloats checks a blob's header and returns the bytes of its floats and the
// checksum they should have.
func blobFloats(b []byte) (data []byte, sum uint32, err error) {
	header := ext16Header
	var size int64
	switch {
	case len(b) >= ext16Header+crcSize && b[0] == ext16Code && b[3] == extType:
		size = int64(binary.BigEndian.Uint16(b[1:]))
	case len(b) >= ext32Header+crcSize && b[0] == ext32Code && b[5] == extType && b[6] == 0 && b[7] == 0:
		header = ext32Header
		size = int64(binary.BigEndian.Uint32(b[1:])) - 2
	default:
		return nil, 0, fmt.Errorf("%d bytes are not a vector: they begin with % x", len(b), b[:min(len(b), ext32Header)])
	}
	if size != int64(len(b)-header) || size%4 != 0 || header == ext32Header && size <= crcSize+4*maxExt16 {
		return nil, 0, fmt.Errorf("vector of %d bytes says it has %d", len(b)-header, size)
	}
	return b[header+crcSize:], binary.LittleEndian.Uint32(b[header:]), nil
}

// floatsOf views little-endian bytes as floats, in place if alignment and byte
// order allow it.
func floatsOf(data []byte) []float32 {
	n := len(data) / 4
	if n == 0 {
		return []float32{}
	}
	if nativeLittle && uintptr(unsafe.Pointer(&data[0]))%4 == 0 {
		return unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), n)
	}
	vec := make([]float32, n)
	for i := range vec {
		vec[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return vec
}

// checkFinite refuses vectors that would poison whatever is trained on them.
func checkFinite(vec []float32) error {
	for i, v := range vec {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%w: value %d of %d is %v", ErrBadVector, i, len(vec), v)
		}
	}
	return nil
}
