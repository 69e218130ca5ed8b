package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.ByteBinary; a test of that package checks them.
// They begin with ZeroPointA, ScaleA, ZeroPointB, ScaleB and Scale.
const bsZeroPointA, bsZeroPoint, bsMax = 0, 20, 24

// bytePointwise generates the functions of every byte of a slice: 64 at a time, the
// last ones under a mask.
func bytePointwise(v *vector) {
	byteMax(v)
	byteSums(v)
	byteBinary(v, "ByteAdd", "addBytes", func(x, y reg.VecVirtual) { VADDPS(y, x, x) })
	byteBinary(v, "ByteMul", "mulBytes", func(x, y reg.VecVirtual) { VMULPS(y, x, x) })
	byteQuantize(v)
	byteDequantize(v)
	byteLookup(v)
}

// bytes64 goes through n bytes, 64 at a time: f gets a mask of those that exist, and
// advances its own pointers.
func bytes64(n reg.GPVirtual, f func(k reg.OpmaskVirtual)) {
	most, ones, c, k := GP64(), GP64(), GP64(), K()
	TESTQ(n, n)
	JZ(LabelRef("done"))
	MOVQ(U32(64), most)
	Label("bytes")
	MOVQ(n, c)
	CMPQ(c, most)
	CMOVQGT(most, c)
	MOVQ(I64(-1), ones)
	BZHIQ(c, ones, ones)
	KMOVQ(ones, k)
	f(k)
	SUBQ(Imm(64), n)
	JG(LabelRef("bytes"))
	Label("done")
	VZEROUPPER()
	RET()
}

func pointer(name string) reg.GPVirtual { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }

func length(name string) reg.GPVirtual { return Load(Param(name).Len(), GP64()).(reg.GPVirtual) }

func byteMax(v *vector) {
	v.function("ByteMax", "func(dst, src []byte)", "does what maxBytes does:\n\n\tfor i, v := range src {\n\t\tdst[i] = max(dst[i], v)\n\t}")
	dst, src := pointer("dst"), pointer("src")
	bytes64(length("dst"), func(k reg.OpmaskVirtual) {
		x, y := v.new(), v.new()
		VMOVDQU8_Z(field(dst, 0), k, x)
		VMOVDQU8_Z(field(src, 0), k, y)
		VPMAXUB(y, x, x)
		VMOVDQU8(x, k, field(dst, 0))
		ADDQ(Imm(64), dst)
		ADDQ(Imm(64), src)
	})
}

// quarters calls f for each 16 of the 64 bytes under k, with their own mask.
func quarters(k reg.OpmaskVirtual, f func(i int, k reg.OpmaskVirtual)) {
	for i := range 4 {
		part := k
		if i > 0 {
			part = K()
			KSHIFTRQ(Imm(uint64(16*i)), k, part)
		}
		f(i, part)
	}
}

// byteSums: dst += src, with 32-bit sums.
func byteSums(v *vector) {
	v.function("ByteSums", "func(dst []int32, src []byte)", "does what sumBytes does:\n\n\tfor i, v := range src {\n\t\tdst[i] += int32(v)\n\t}")
	dst, src := pointer("dst"), pointer("src")
	bytes64(length("src"), func(k reg.OpmaskVirtual) {
		quarters(k, func(i int, k reg.OpmaskVirtual) {
			x := v.new()
			VPMOVZXBD_Z(field(src, 16*i), k, x)
			VPADDD_Z(field(dst, 64*i), x, k, x)
			VMOVDQU32(x, k, field(dst, 64*i))
		})
		ADDQ(U32(256), dst)
		ADDQ(Imm(64), src)
	})
}

func byteBinary(v *vector, name, reference string, combine func(x, y reg.VecVirtual)) {
	v.function(name, "func(dst, a, b []byte, s *ByteBinary, inverse float32)", "does what "+reference+" does. inverse is 1/s.Scale.")
	dst, a, b, s := pointer("dst"), pointer("a"), pointer("b"), Load(Param("s"), GP64())
	inverse := v.parameter("inverse")
	zeroA, scaleA, zeroB, scaleB, scale, zero, limit, order := v.new(), v.new(), v.new(), v.new(), v.new(), v.new(), v.new(), v.new()
	for i, x := range []reg.VecVirtual{zeroA, scaleA, zeroB, scaleB, scale} {
		VBROADCASTSS(field(s, bsZeroPointA+4*i), x)
	}
	VPBROADCASTW(field(s, bsZeroPoint), zero)
	VPBROADCASTB(field(s, bsMax), limit)
	VMOVDQU32(v.byteOrder(), order)
	bytes64(length("dst"), func(k reg.OpmaskVirtual) {
		sums := v.newN(4)
		quarters(k, func(i int, k reg.OpmaskVirtual) {
			x, y := sums[i], v.new()
			byteValues(field(a, 16*i), k, zeroA, scaleA, x)
			byteValues(field(b, 16*i), k, zeroB, scaleB, y)
			combine(x, y)
			v.divide(x, scale, inverse)
			VCVTPS2DQ(x, x)
		})
		x := packBytes(sums, zero, limit)
		VPERMD(x, order, x)
		VMOVDQU8(x, k, field(dst, 0))
		for _, p := range []reg.GPVirtual{dst, a, b} {
			ADDQ(Imm(64), p)
		}
	})
}

// quantizeDoc describes the stubs of quantizing kernels.
const quantizeDoc = "does what quantize does, of QuantParams{scale, zero, limit}. inverse is 1/scale; values beyond ±far, 1024·scale, are bounded first."

// byteQuantize quantizes floats. Bounds far outside of the bytes come first, so that
// nothing overflows; NaN becomes the lower one.
func byteQuantize(v *vector) {
	v.function("ByteQuantize", "func(dst []byte, src []float32, scale, inverse, far float32, zero, limit int32)", quantizeDoc)
	dst, src := pointer("dst"), pointer("src")
	scale, inverse, hi := v.parameter("scale"), v.parameter("inverse"), v.parameter("far")
	lo, zero, limit, order := v.new(), v.new(), v.new(), v.new()
	VPXORD(lo, lo, lo)
	VSUBPS(hi, lo, lo)
	number := Load(Param("zero"), GP32())
	VPBROADCASTW(number, zero)
	Load(Param("limit"), number)
	VPBROADCASTB(number, limit)
	VMOVDQU32(v.byteOrder(), order)
	bytes64(length("dst"), func(k reg.OpmaskVirtual) {
		sums := v.newN(4)
		quarters(k, func(i int, k reg.OpmaskVirtual) {
			x := sums[i]
			VMOVUPS_Z(field(src, 64*i), k, x)
			VMAXPS(lo, x, x)
			VMINPS(hi, x, x)
			v.divide(x, scale, inverse)
			VCVTPS2DQ(x, x)
		})
		x := packBytes(sums, zero, limit)
		VPERMD(x, order, x)
		VMOVDQU8(x, k, field(dst, 0))
		ADDQ(Imm(64), dst)
		ADDQ(U32(256), src)
	})
}

// divide divides x by scale: the product with the reciprocal, corrected by its
// remainder, as in quantize.
func (v *vector) divide(x, scale, inverse reg.VecVirtual) {
	q := v.new()
	VMULPS(x, inverse, q)
	VFNMADD231PS(q, scale, x)
	VFMADD213PS(q, inverse, x)
}

// byteValues sets x to (byte − zero)·scale.
func byteValues(m Mem, k reg.OpmaskVirtual, zero, scale, x reg.VecVirtual) {
	VPMOVZXBD_Z(m, k, x)
	VCVTDQ2PS(x, x)
	VSUBPS(zero, x, x)
	VMULPS(scale, x, x)
}

// byteLookup: dst = table[src]. Each half of the table is two registers; the upper bit
// of a byte chooses the half.
func byteLookup(v *vector) {
	v.function("ByteLookup", "func(dst, src []byte, table *[256]byte)", "does what lookup does:\n\n\tfor i, v := range src {\n\t\tdst[i] = table[v]\n\t}")
	dst, src, table := pointer("dst"), pointer("src"), Load(Param("table"), GP64())
	part := v.newN(4)
	for i, p := range part {
		VMOVDQU8(field(table, 64*i), p)
	}
	bytes64(length("dst"), func(k reg.OpmaskVirtual) {
		x, lower, upper := v.new(), v.new(), K()
		VMOVDQU8_Z(field(src, 0), k, x)
		VPMOVB2M(x, upper)
		VMOVDQA64(x, lower)
		VPERMI2B(part[1], part[0], lower)
		VPERMI2B(part[3], part[2], x)
		VMOVDQU8(x, upper, lower)
		VMOVDQU8(lower, k, field(dst, 0))
		ADDQ(Imm(64), dst)
		ADDQ(Imm(64), src)
	})
}

// byteDequantize: dst = (src − zero)·scale.
func byteDequantize(v *vector) {
	v.function("ByteDequantize", "func(dst []float32, src []byte, scale, zero float32)",
		"does what dequantize does:\n\n\tfor i, v := range src {\n\t\tdst[i] = (float32(v) - zero) * scale\n\t}")
	dst, src := pointer("dst"), pointer("src")
	scale, zero := v.parameter("scale"), v.parameter("zero")
	bytes64(length("src"), func(k reg.OpmaskVirtual) {
		quarters(k, func(i int, k reg.OpmaskVirtual) {
			x := v.new()
			byteValues(field(src, 16*i), k, zero, scale, x)
			VMOVUPS(x, k, field(dst, 64*i))
		})
		ADDQ(U32(256), dst)
		ADDQ(Imm(64), src)
	})
}
