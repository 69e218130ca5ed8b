package kernel

import (
	"math"
	"unsafe"
)

// byteKernels are the kernels on 8-bit numbers of one set.
type byteKernels struct {
	speed     float64 // of products, compared with those of floats; 0 for slower ones
	panels    []bytePanelKind
	pairs     bool // weights of products are 16 bits wide, and lie in pairs
	tapPairs  bool // those of depthwise convolutions
	lanes     int  // groups of 16 channels that the depthwise kernel takes at once
	depthwise func(d *ByteDepthwise)
	maxInto   func(dst, src []byte)         // dst = max(dst, src)
	sumInto   func(dst []int32, src []byte) // dst += src
	narrow    func(dst []byte, src []float32, g Grid)
	widen     func(dst []float32, src []byte, unit, base float32)
	add, mul  func(dst, a, b []byte, s *ByteBinary)
	lookup    func(dst, src []byte, table *[256]byte)
}

// ByteSpeed is how many times as fast as products of floats those of bytes are, 0 where
// they are slower.
func (s *Set) ByteSpeed() float64 { return s.bytes.speed }

// An Ending turns sums of products into bytes: round(sum·Scale[j] + Rest[j]) to even,
// plus Zero, within 0 and Top. The product and the sum are rounded to float32 once.
type Ending struct {
	Scale, Rest []float32
	Zero, Top   int32
}

// MaxSum bounds |sum·Scale + Rest|: beyond it the conversion to whole numbers may
// overflow.
const MaxSum = 1 << 30

func (e *Ending) at(j int, sum int32) byte {
	x := float32(math.FMA(float64(float32(sum)), float64(e.Scale[j]), float64(e.Rest[j])))
	return byte(min(max(int32(math.RoundToEven(float64(x)))+e.Zero, 0), e.Top))
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

// A Grid says how floats become bytes: x/Step rounded to even, plus Zero, within 0
// and Top.
type Grid struct {
	Step      float32 // at least MinStep
	Zero, Top int32
}

// Narrow sets dst to the bytes of src.
func (s *Set) Narrow(dst []byte, src []float32, g Grid) { s.bytes.narrow(dst, src[:len(dst)], g) }

// Widen sets dst[i] to (src[i] − zero)·unit.
func (s *Set) Widen(dst []float32, src []byte, unit float32, zero int32) {
	s.bytes.widen(dst, src[:len(dst)], unit, float32(zero))
}

// A ByteBinary combines numbers of two scales: (a − ZeroA)·UnitA with (b − ZeroB)·UnitB,
// over Step, rounded to even, plus Zero, within 0 and Top. Every operation is rounded to
// float32: sums often lie in the middle between two numbers, where the network has been
// trained or tested with just this.
type ByteBinary struct {
	ZeroA, UnitA, ZeroB, UnitB float32
	Step                       float32 // at least MinStep; the quotient has to stay below MaxSum
	Zero, Top                  int32
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
	panels:    []bytePanelKind{{width: 4, rows: 64, tile: sameBytesForAll(byteTile4, 64)}},
	lanes:     1,
	depthwise: byteDepthwise,
	maxInto:   maxBytes,
	sumInto:   sumBytes,
	narrow:    narrow,
	widen:     widen,
	add:       addBytes,
	mul:       mulBytes,
	lookup:    lookup,
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

func narrow(dst []byte, src []float32, g Grid) {
	lo, hi := float64(-g.Zero), float64(g.Top-g.Zero)
	for i, v := range src {
		q := math.RoundToEven(float64(v / g.Step))
		if !(q > lo) { // NaN as well
			q = lo
		}
		dst[i] = byte(int32(min(q, hi)) + g.Zero)
	}
}

func widen(dst []float32, src []byte, unit, zero float32) {
	for i, v := range src {
		dst[i] = (float32(v) - zero) * unit
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
	return float32((float32(a) - s.ZeroA) * s.UnitA), float32((float32(b) - s.ZeroB) * s.UnitB)
}

func (s *ByteBinary) rounded(x float32) byte {
	return byte(min(max(int32(math.RoundToEven(float64(x/s.Step)))+s.Zero, 0), s.Top))
}
