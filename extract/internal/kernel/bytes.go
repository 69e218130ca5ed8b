package kernel

import (
	"math"
	"unsafe"
)

// byteKernels are the kernels on 8-bit numbers of one set.
type byteKernels struct {
	panels     []bytePanelKind
	pairs      bool // weights of products are 16 bits wide, and lie in pairs
	twos       bool // two weights of a product, of neighbouring columns, are one number of 64 bits
	tapPairs   bool // those of depthwise convolutions
	lanes      int  // groups of 16 channels that the depthwise kernel takes at once
	depthwise  func(d *ByteDepthwise)
	maxInto    func(dst, src []byte)         // dst = max(dst, src)
	sumInto    func(dst []int32, src []byte) // dst += src
	quantize   func(dst []byte, src []float32, p QuantParams)
	dequantize func(dst []float32, src []byte, scale, zeroPoint float32)
	add, mul   func(dst, a, b []byte, s *ByteBinary)
	lookup     func(dst, src []byte, table *[256]byte)
}

// A Requantize turns the 32-bit sums of a product into bytes: sum·Scale[j] + Offset[j],
// rounded once to float32 and then to the nearest whole number, ties to even; plus
// ZeroPoint, within 0 and Max.
type Requantize struct {
	Scale, Offset  []float32
	ZeroPoint, Max int32
}

// MaxSum bounds |sum·Scale + Offset|: beyond it the conversion to whole numbers may
// overflow.
const MaxSum = 1 << 30

func (e *Requantize) at(j int, sum int32) byte {
	x := fma(float32(sum), e.Scale[j], e.Offset[j])
	return byte(min(max(int32(math.RoundToEven(float64(x)))+e.ZeroPoint, 0), e.Max))
}

// BytesOf returns the memory of floats as bytes.
func BytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// Words returns the memory of floats as 32-bit numbers.
func Words(x []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// MaxBytes sets dst[i] to the larger of dst[i] and src[i].
func (s *Set) MaxBytes(dst, src []byte) { s.bytes.maxInto(dst, src[:len(dst)]) }

// SumBytes adds src to dst.
func (s *Set) SumBytes(dst []int32, src []byte) { s.bytes.sumInto(dst, src[:len(dst)]) }

// QuantParams say how floats become bytes: x/Scale rounded to the nearest whole number,
// ties to even, plus ZeroPoint, within 0 and Max.
type QuantParams struct {
	Scale          float32 // at least MinScale
	ZeroPoint, Max int32
}

// Quantize sets dst to the bytes of src.
func (s *Set) Quantize(dst []byte, src []float32, p QuantParams) {
	s.bytes.quantize(dst, src[:len(dst)], p)
}

// Dequantize sets dst[i] to (src[i] − zeroPoint)·scale.
func (s *Set) Dequantize(dst []float32, src []byte, scale float32, zeroPoint int32) {
	s.bytes.dequantize(dst, src[:len(dst)], scale, float32(zeroPoint))
}

// A ByteBinary combines bytes of two scales: x = (a − ZeroPointA)·ScaleA with
// y = (b − ZeroPointB)·ScaleB. The result over Scale is rounded to the nearest whole
// number, ties to even; plus ZeroPoint, within 0 and Max. Every operation is rounded to
// float32, as in the runtimes that networks are tested with: sums often lie in the
// middle between two whole numbers, where another rounding gives another byte.
type ByteBinary struct {
	ZeroPointA, ScaleA, ZeroPointB, ScaleB float32
	Scale                                  float32 // at least MinScale; the quotient has to stay below MaxSum
	ZeroPoint, Max                         int32
}

// AddBytes sets dst to the sums of a and b; it may be one of the two.
func (s *Set) AddBytes(dst, a, b []byte, by *ByteBinary) {
	s.bytes.add(dst, a[:len(dst)], b[:len(dst)], by)
}

// MulBytes is AddBytes for products.
func (s *Set) MulBytes(dst, a, b []byte, by *ByteBinary) {
	s.bytes.mul(dst, a[:len(dst)], b[:len(dst)], by)
}

// Lookup replaces every byte by the table's.
func (s *Set) Lookup(dst, src []byte, table *[256]byte) {
	s.bytes.lookup(dst, src[:len(dst)], table)
}

var portableBytes = byteKernels{
	panels:     []bytePanelKind{{width: 4, rows: 64, tile: sameBytesForAll(byteTile4, 64)}},
	twos:       true,
	lanes:      1,
	depthwise:  byteDepthwise,
	maxInto:    maxBytes,
	sumInto:    sumBytes,
	quantize:   quantize,
	dequantize: dequantize,
	add:        addBytes,
	mul:        mulBytes,
	lookup:     lookup,
}

func lookup(dst, src []byte, table *[256]byte) {
	for i, v := range src {
		dst[i] = table[v]
	}
}

func maxBytes(dst, src []byte) {
	for i, v := range src {
		dst[i] = max(dst[i], v)
	}
}

func sumBytes(dst []int32, src []byte) {
	for i, v := range src {
		dst[i] += int32(v)
	}
}

func quantize(dst []byte, src []float32, p QuantParams) {
	lo, hi := float64(-p.ZeroPoint), float64(p.Max-p.ZeroPoint)
	for i, v := range src {
		q := math.RoundToEven(float64(v / p.Scale))
		if !(q > lo) { // NaN as well
			q = lo
		}
		dst[i] = byte(int32(min(q, hi)) + p.ZeroPoint)
	}
}

func dequantize(dst []float32, src []byte, scale, zeroPoint float32) {
	for i, v := range src {
		dst[i] = (float32(v) - zeroPoint) * scale
	}
}

func addBytes(dst, a, b []byte, s *ByteBinary) {
	for i, x := range a {
		x, y := s.values(x, b[i])
		dst[i] = s.rounded(x + y)
	}
}

func mulBytes(dst, a, b []byte, s *ByteBinary) {
	for i, x := range a {
		x, y := s.values(x, b[i])
		dst[i] = s.rounded(x * y)
	}
}

func (s *ByteBinary) values(a, b byte) (x, y float32) {
	return float32((float32(a) - s.ZeroPointA) * s.ScaleA), float32((float32(b) - s.ZeroPointB) * s.ScaleB)
}

func (s *ByteBinary) rounded(x float32) byte {
	return byte(min(max(int32(math.RoundToEven(float64(x/s.Scale)))+s.ZeroPoint, 0), s.Max))
}
